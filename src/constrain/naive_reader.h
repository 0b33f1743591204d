// For tests: follows an automaton by its definition alone, and remembers nothing.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "constrain/automaton.h"

namespace sluice::constrain {

class NaiveReader {
 public:
  // A state and how often it has been counted; the uppermost last.
  using Stack = std::vector<std::pair<uint32_t, uint32_t>>;
  using Stacks = std::set<Stack>;  // the empty one: the text may end

  explicit NaiveReader(const Automaton& automaton) : automaton_(automaton) {}

  Stacks Start() const {
    Stacks all;
    Close({{automaton_.start, 0}}, &all);
    return all;
  }
  Stacks Read(const Stacks& before, std::string_view text) const {
    Stacks now = before;
    for (const char c : text) {
      Stacks next;
      for (Stack stack : now) {
        if (stack.empty()) continue;
        const uint32_t state = stack.back().first;
        stack.pop_back();
        for (uint32_t e = automaton_.states[state].edges; e < automaton_.states[state + 1].edges; ++e) {
          const Automaton::Edge& edge = automaton_.edges[e];
          const auto byte = static_cast<uint8_t>(c);
          if (edge.first <= byte && byte <= edge.last) Close(With(stack, edge.target), &next);
        }
      }
      now = std::move(next);
    }
    return now;
  }

 private:
  const Automaton& automaton_;

  static Stack With(Stack stack, uint32_t state, uint32_t count = 0) {
    stack.emplace_back(state, count);
    return stack;
  }

  void Close(Stack stack, Stacks* all) const {
    if (!all->insert(stack).second || stack.empty()) return;
    const auto [id, count] = stack.back();
    stack.pop_back();
    const Automaton::State &state = automaton_.states[id], &next = automaton_.states[id + 1];
    if (state.counter != Automaton::kNoCounter) {
      const Automaton::Counter& counter = automaton_.counters[state.counter];
      if (count > 0 && count >= counter.minimum) Close(With(stack, counter.next), all);
      // Behind an unbounded one's minimum nobody needs to go on counting.
      const bool counted = counter.maximum == kUnbounded && count >= std::max(counter.minimum, 1u);
      if (count < counter.maximum)
        Close(With(With(stack, id, counted ? count : count + 1), counter.body), all);
      return;
    }
    if (state.accepts) Close(stack, all);
    for (uint32_t c = state.calls; c < next.calls; ++c)
      Close(With(With(stack, automaton_.calls[c].back), automaton_.calls[c].start), all);
    for (uint32_t e = state.enters; e < next.enters; ++e) Close(With(stack, automaton_.enters[e]), all);
  }
};

}  // namespace sluice::constrain
