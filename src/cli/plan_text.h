// A plan for readers: every step with what one token reads for it.
#pragma once

#include <string>

#include "base/thread_team.h"
#include "model/plan.h"

namespace sluice::cli {

// Bytes a second that the team reads from memory, measured.
double ReadBandwidth(ThreadTeam& team);

// One line a step: name, bytes of weights that a decoded token reads, and the least time that takes at
// `bandwidth`.
std::string PlanText(const model::Plan& plan, double bandwidth);

}  // namespace sluice::cli
