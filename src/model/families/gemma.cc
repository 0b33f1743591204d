#include "model/families/gemma.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace sluice::model {

Desc BaseGemma(const Config& config, std::string_view family, const Norm& norm) {
  Desc desc = BaseDesc(config, family, norm);
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
