// Gemma 2: capped scores and logits, a window in every other layer.
#include <cmath>

#include "model/families/gemma.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

Desc Build(const Config& c) {
  c.RefuseIfTrue("attention_bias");
  const Norm norm{.eps = c.Float("rms_norm_eps"), .plus_one = true};
  const std::string_view act = c.Has("hidden_activation") ? "hidden_activation" : "hidden_act";
  Desc desc = BaseGemma(c, "gemma2", norm);
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    Gqa attention = ReadGqa(c, l, /*interleaved=*/false);
    attention.scale = 1 / std::sqrt(c.Float("query_pre_attn_scalar"));
    attention.logit_cap = c.Float("attn_logit_softcapping", 0);
    if (IsSlidingLayer(c, l, 2)) attention.window = ReadWindow(c);
    const Ffn ffn{.hidden = c.Int("intermediate_size"), .act = HiddenAct(c, act)};
    desc.decoder.layers.push_back(GemmaLayer(norm, attention, ffn));
  }
  return desc;
}

constexpr std::string_view kTypes[] = {"gemma2"};

}  // namespace

constinit const Family kGemma2{"gemma2", kTypes, {}, nullptr, Build, kHfGemma, {}, kSkipRopeBuffers};

}  // namespace sluice::model
