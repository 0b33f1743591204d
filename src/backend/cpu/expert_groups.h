// The rows of an MoE step, expert by expert.
#pragma once

#include "backend/cpu/context.h"

namespace sluice::backend::cpu {

// Every group of a step, the shared expert's last: its rows follow the routed ones, one per token.
template <typename Step, typename Visit>
void ForEachGroup(const Step& step, const Context& c, Visit visit) {
  int32_t rows = 0;
  if (step.experts != nullptr)
    for (const ExpertGroup& g : c.routing->groups) {
      visit(g, (*step.experts)[g.expert]);
      rows = g.first + g.count;
    }
  if (step.shared != nullptr)
    visit(ExpertGroup{kShared, rows, static_cast<int32_t>(c.tokens())}, *step.shared);
}

inline int32_t TokenOf(const Context& c, const ExpertGroup& g, int32_t i) {
  return g.expert == kShared ? i : c.routing->row_token[g.first + i];
}

}  // namespace sluice::backend::cpu
