// What Gemma's generations share: embeddings scaled by the root of the width, four norms in a layer, a window
// in most layers.
#pragma once

#include "model/families/common.h"

namespace sluice::model {

Desc BaseGemma(const Config& config, std::string_view family, const Norm& norm);
// Whether a layer sees a window only: `layer_types`, or every layer but each `pattern`-th.
bool IsSlidingLayer(const Config& config, int layer, int pattern);
Layer GemmaLayer(const Norm& norm, Gqa attention, const Ffn& ffn);

inline constexpr auto kHfGemmaNorms = std::to_array<Rule>({
    {"attn.post_norm", "model.layers.{L}.post_attention_layernorm.weight"},
    {"ffn.norm", "model.layers.{L}.pre_feedforward_layernorm.weight"},
    {"ffn.post_norm", "model.layers.{L}.post_feedforward_layernorm.weight"},
});
// Its own norms first: the usual name of the second norm means another one here.
inline constexpr auto kHfGemma = Join(kHfGemmaNorms, kHfModel, kHfGqa, kHfFfn);

}  // namespace sluice::model
