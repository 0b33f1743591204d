// OLMoE: 64 small experts; q and k normalised over their full width, then clipped.
#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

Desc Build(const Config& c) {
  Desc desc = BaseDesc(c, "olmoe");
  Moe moe{.router = ReadRouter(c, "num_experts"),
          .expert = {.hidden = c.Int("intermediate_size"), .act = HiddenAct(c)}};
  moe.router.renormalize = c.Bool("norm_topk_prob", false);
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    Gqa attention = ReadGqa(c, l, /*interleaved=*/false);
    attention.qk_norm = Gqa::QkNorm::kFullWidth;
    attention.qk_norm_eps = RmsNorm(c).eps;
    attention.clip = c.Float("clip_qkv", 0);
    attention.qkv_bias = attention.out_bias = c.Bool("attention_bias", false);
    desc.decoder.layers.push_back(AttentionThen(RmsNorm(c), attention, moe));
  }
  return desc;
}

constexpr std::string_view kNames[] = {"olmoe"};
constexpr auto kHf = Join(kHfModel, kHfGqa, kHfExperts);
constexpr auto kGguf = Join(kGgufModel, kGgufGqa, kGgufExperts);

}  // namespace

constinit const Family kOlmoe{"olmoe", kNames, kNames, nullptr, Build, kHf, kGguf, kSkipRopeBuffers};

}  // namespace sluice::model
