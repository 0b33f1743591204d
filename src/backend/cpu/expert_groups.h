// The rows of an MoE step, expert by expert.
#pragma once

#include <algorithm>
#include <span>

#include "backend/cpu/context.h"

namespace sluice::backend::cpu {

// Sorts the assignments of a layer by expert, keeping tokens in order (a counting sort).
void GroupByExpert(const model::Router& router, const Context& c);

// What a panel costs that meets the rows of a group: to read it takes as long as to multiply it with a few.
inline int64_t PanelCost(const ExpertGroup& g) {
  constexpr int32_t kReadInRows = 6;
  return std::max(g.count, kReadInRows);
}

// Says which experts one worker computes from gate to down, without waiting for others in between and reading
// what lies together. They are half of the work at most: a core that others use too finds no use for more.
// And none is whole that is a large part of it.
void ChooseWhole(std::span<ExpertGroup> groups, int64_t workers);

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

// Those of which each step computes its own part.
template <typename Step, typename Visit>
void ForEachCutGroup(const Step& step, const Context& c, Visit visit) {
  ForEachGroup(step, c, [&](const ExpertGroup& g, const model::FfnWeights& w) {
    if (!g.whole) visit(g, w);
  });
}

inline int32_t TokenOf(const Context& c, const ExpertGroup& g, int32_t i) {
  return g.expert == kShared ? i : c.routing->row_token[g.first + i];
}

}  // namespace sluice::backend::cpu
