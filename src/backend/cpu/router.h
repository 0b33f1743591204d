// From router logits to chosen experts and their weights, for one token.
#pragma once

#include <cstdint>

#include "kernels/table.h"
#include "model/desc.h"

namespace sluice::backend::cpu {

// `scores`: [experts], the router's logits; overwritten. `selection_bias`: [experts] or null. Writes top_k
// experts, best first, and what multiplies each one's output. Ties go to the lower index; NaN goes last.
// `scratch`: [2 * experts]. Methods: softmax with optional renormalisation (Mixtral, arXiv 2401.04088);
// limited groups (DeepSeek-V2, arXiv 2405.04434); sigmoid scores with a bias for the choice alone
// (DeepSeek-V3, arXiv 2412.19437). Sparse mixer, in inference: arXiv 2310.00811. `expert_scale`: [experts] or
// null, a last factor of each weight.
void SelectExperts(const model::Router& router, const kernels::Table& kernels, const float* selection_bias,
                   const float* expert_scale, float* scores, float* scratch, int32_t* experts,
                   float* weights);

}  // namespace sluice::backend::cpu
