// Qwen3-MoE: q and k normalised head by head, 128 experts, none shared.
#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

Desc Build(const Config& c) {
  c.RefuseIfTrue("use_sliding_window");
  Desc desc = BaseDesc(c, "qwen3_moe");
  const Act act = HiddenAct(c);
  Moe moe{.router = ReadRouter(c, "num_experts"), .expert = {.hidden = ReadExpertWidth(c), .act = act}};
  moe.router.renormalize = c.Bool("norm_topk_prob", /*fallback=*/c.from_gguf());
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    Gqa attention = ReadGqa(c, l, /*interleaved=*/false);
    attention.qk_norm = Gqa::QkNorm::kPerHead;
    attention.qk_norm_eps = RmsNorm(c).eps;
    attention.qkv_bias = attention.out_bias = c.Bool("attention_bias", false);
    const Ffn dense{.hidden = c.Int("intermediate_size", {}, l), .act = act};
    desc.decoder.layers.push_back(IsSparseLayer(c, l) ? AttentionThen(RmsNorm(c), attention, moe)
                                                      : AttentionThen(RmsNorm(c), attention, dense));
  }
  return desc;
}

constexpr std::string_view kTypes[] = {"qwen3_moe"};
constexpr std::string_view kArchs[] = {"qwen3moe"};
constexpr auto kHf = Join(kHfModel, kHfGqa, kHfFfn, kHfExperts);
constexpr auto kGguf = Join(kGgufModel, kGgufGqa, kGgufFfn, kGgufExperts);

}  // namespace

constinit const Family kQwen3Moe{"qwen3_moe", kTypes, kArchs, nullptr, Build, kHf, kGguf, kSkipRopeBuffers};

}  // namespace sluice::model
