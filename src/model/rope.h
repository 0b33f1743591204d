// The rotary position embedding's tables.
#pragma once

#include <span>
#include <vector>

#include "model/desc.h"

namespace sluice::model {

// dims/2 angles per position. `file_factors` (empty, or dims/2 of them) divide the frequencies.
// `long_request`: the table of LongRopeScaling for requests beyond the original context. Computed in double.
std::vector<float> RopeFrequencies(const Rope& rope, std::span<const float> file_factors = {},
                                   bool long_request = false);
// Of cos and sin: 1 but for YaRN and LongRoPE.
float RopeMagnitude(const Rope& rope, bool long_request = false);

// YaRN's growth of attention with the factor: 0.1 * mscale * ln(factor) + 1, and 1 where nothing is
// stretched.
float YarnMagnitude(float factor, float mscale);

}  // namespace sluice::model
