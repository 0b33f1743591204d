// What a model's description loses on its way through GGUF metadata.
#pragma once

#include <cmath>
#include <string>

#include "model/desc.h"

namespace sluice::convert {

// Equal but for roundings.
inline bool Near(float a, float b) { return std::fabs(a - b) <= 1e-5f * std::fabs(a); }

// The first setting in which `read` differs from `wanted`, in words; empty if there is none. What may differ:
// the pairing of rotated elements, whether norms' weights are kept less one and rates as logarithms, the
// order of value heads.
std::string DescriptionDifference(const model::Desc& wanted, const model::Desc& read);

}  // namespace sluice::convert
