// What Gemma's generations share: embeddings scaled by the root of the width, four norms in a layer, a window
// in most layers.
#pragma once

#include "model/families/common.h"

namespace sluice::model {

// A Hugging Face file holds norms' weights less one, a GGUF as they are.
Norm GemmaNorm(const Config& config);
// Of q.k. GGUF has no word for it: the root of a head's size, but in the model of `wide_layers` layers that
// of the stream's share of a head.
float GemmaScale(const Config& config, const Gqa& attention, int wide_layers);
// GGUF means the approximated GELU.
Act GemmaAct(const Config& config);
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
inline constexpr auto kGgufGemma = Join(kGgufPostNorms, kGgufModel, kGgufGqa, kGgufFfn);
inline constexpr auto kHfGemma = Join(kHfGemmaNorms, kHfModel, kHfGqa, kHfFfn);

}  // namespace sluice::model
