// Qwen1.5, Qwen2 and Qwen2.5, dense: Llama with biases on q, k and v.
#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

Desc Build(const Config& c) {
  Desc desc = BaseDesc(c, "qwen2");
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    Gqa attention = ReadGqa(c, l, /*interleaved=*/false);
    attention.qkv_bias = true;
    attention.window = ReadLayerWindow(c, l);
    const Ffn ffn{.hidden = c.Int("intermediate_size", {}, l), .act = HiddenAct(c)};
    desc.decoder.layers.push_back(AttentionThen(RmsNorm(c), attention, ffn));
  }
  return desc;
}

constexpr std::string_view kNames[] = {"qwen2"};
constexpr auto kHf = Join(kHfModel, kHfGqa, kHfFfn);
constexpr auto kGguf = Join(kGgufModel, kGgufGqa, kGgufFfn);

}  // namespace

constinit const Family kQwen2{"qwen2", kNames, kNames, nullptr, Build, kHf, kGguf, kSkipRopeBuffers};

}  // namespace sluice::model
