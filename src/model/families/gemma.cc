#include "model/families/gemma.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace sluice::model {

Norm GemmaNorm(const Config& config) {
  return {.eps = config.Float("rms_norm_eps"), .plus_one = !config.from_gguf()};
}

float GemmaScale(const Config& config, const Gqa& attention, int wide_layers) {
  if (!config.from_gguf()) return 1 / std::sqrt(config.Float("query_pre_attn_scalar"));
  const bool wide = config.Int("num_hidden_layers") == wide_layers;
  return 1 / std::sqrt(
                 static_cast<float>(wide ? config.Int("hidden_size") / attention.heads : attention.head_dim));
}

Act GemmaAct(const Config& config) {
  if (config.from_gguf()) return Act::kGeluTanh;
  return HiddenAct(config, config.Has("hidden_activation") ? "hidden_activation" : "hidden_act");
}

Desc BaseGemma(const Config& config, std::string_view family, const Norm& norm) {
  Desc desc = BaseDesc(config, family, norm);
  config.Has("embedding_scale");  // implied
  desc.embed_scale = std::sqrt(static_cast<float>(desc.dim));
  desc.logit_cap = config.Float("final_logit_softcapping", 0);
  return desc;
}

bool IsSlidingLayer(const Config& config, int layer, int pattern) {
  if (!config.Has("layer_types")) return (layer + 1) % pattern != 0;
  const std::string type = config.ListEntry("layer_types", layer);
  if (type != "full_attention" && type != "sliding_attention")
    config.Refuse("layer_types", fmt::format("holds \"{}\", which is not supported", type));
  return type == "sliding_attention";
}

Layer GemmaLayer(const Norm& norm, Gqa attention, const Ffn& ffn) {
  Layer layer = AttentionThen(norm, std::move(attention), ffn);
  for (Branch& branch : layer) branch.post = norm;
  return layer;
}

}  // namespace sluice::model
