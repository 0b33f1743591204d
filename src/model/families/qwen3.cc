// Qwen3, dense: q and k normalised head by head.
#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

Desc Build(const Config& c) {
  Desc desc = BaseDesc(c, "qwen3");
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    Gqa attention = ReadGqa(c, l, /*interleaved=*/false);
    attention.qk_norm = Gqa::QkNorm::kPerHead;
    attention.qk_norm_eps = RmsNorm(c).eps;
    attention.qkv_bias = attention.out_bias = c.Bool("attention_bias", false);
    attention.window = ReadLayerWindow(c, l);
    const Ffn ffn{.hidden = c.Int("intermediate_size", {}, l), .act = HiddenAct(c)};
    desc.decoder.layers.push_back(AttentionThen(RmsNorm(c), attention, ffn));
  }
  return desc;
}

constexpr std::string_view kNames[] = {"qwen3"};
constexpr auto kHf = Join(kHfModel, kHfGqa, kHfFfn);
constexpr auto kGguf = Join(kGgufModel, kGgufGqa, kGgufFfn);

}  // namespace

constinit const Family kQwen3{"qwen3", kNames, kNames, nullptr, Build, kHf, kGguf, kSkipRopeBuffers};

}  // namespace sluice::model
