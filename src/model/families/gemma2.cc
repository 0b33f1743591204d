// Gemma 2: capped scores and logits, a window in every other layer.
#include "model/families/gemma.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

Desc Build(const Config& c) {
  c.RefuseIfTrue("attention_bias");
  constexpr int kWideLayers = 46;
  const Norm norm = GemmaNorm(c);
  Desc desc = BaseGemma(c, "gemma2", norm);
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    Gqa attention = ReadGqa(c, l, /*interleaved=*/false);
    attention.scale = GemmaScale(c, attention, kWideLayers);
    attention.logit_cap = c.Float("attn_logit_softcapping", 0);
    if (IsSlidingLayer(c, l, 2)) attention.window = ReadWindow(c);
    const Ffn ffn{.hidden = c.Int("intermediate_size"), .act = GemmaAct(c)};
    desc.decoder.layers.push_back(GemmaLayer(norm, attention, ffn));
  }
  return desc;
}

constexpr std::string_view kTypes[] = {"gemma2"};

}  // namespace

constinit const Family kGemma2{"gemma2", kTypes,   kTypes,     nullptr,
                               Build,    kHfGemma, kGgufGemma, kSkipRopeBuffers};

}  // namespace sluice::model
