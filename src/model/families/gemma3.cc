// Gemma 3, its text part: norms on q and k; layers with a window rotate by a base of their own, without
// scaling.
#include "model/families/gemma.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

constexpr int kWideLayers = 62;

Gqa ReadAttention(const Config& c, int layer) {
  Gqa attention = ReadGqa(c, layer, /*interleaved=*/false);
  attention.scale = GemmaScale(c, attention, kWideLayers);
  attention.logit_cap = c.Float("attn_logit_softcapping", 0);
  attention.qk_norm = Gqa::QkNorm::kPerHead;
  attention.qk_norm_eps = c.Float("rms_norm_eps");
  attention.norm_plus_one = GemmaNorm(c).plus_one;
  if (IsSlidingLayer(c, layer, c.Int("sliding_window_pattern", 6))) {
    attention.window = ReadWindow(c);
    attention.position = Rope{.theta = c.Float("rope_local_base_freq", 1e4f), .dims = attention.head_dim};
  }
  return attention;
}

Desc Build(const Config& c) {
  c.RefuseIfTrue("attention_bias");
  if (c.Has("rope_parameters.full_attention"))
    c.Refuse("rope_parameters", "has a form that is not supported");
  const Norm norm = GemmaNorm(c);
  const Ffn ffn{.hidden = c.Int("intermediate_size"), .act = GemmaAct(c)};
  Desc desc = BaseGemma(c, "gemma3", norm);
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l)
    desc.decoder.layers.push_back(GemmaLayer(norm, ReadAttention(c, l), ffn));
  return desc;
}

constexpr std::string_view kTypes[] = {"gemma3_text"};
constexpr std::string_view kArchs[] = {"gemma3"};

}  // namespace

constinit const Family kGemma3{"gemma3", kTypes,   kArchs,     nullptr,
                               Build,    kHfGemma, kGgufGemma, kSkipRopeBuffers};

}  // namespace sluice::model
