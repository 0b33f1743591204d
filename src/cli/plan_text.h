// A plan for readers: every step with what one token reads for it.
#pragma once

#include <string>

#include "model/plan.h"

namespace sluice::cli {

// One line a step: name, bytes of weights that a decoded token reads, and the least time that takes at
// `bandwidth`.
std::string PlanText(const model::Plan& plan, double bandwidth);

}  // namespace sluice::cli
