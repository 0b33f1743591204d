// Makes a network's rules deterministic, state by state.
#pragma once

#include <cstdint>
#include <vector>

#include "constrain/network.h"

namespace sluice::constrain {

// States of all rules, without empty edges. Lists of one state belong together.
struct Determined {
  struct State {
    std::vector<NetworkEdge> edges;  // kByte, kToken, kCall (label: rule), kCounter (label; no target)
    bool accepts = false;
  };
  std::vector<State> states;
  std::vector<uint32_t> starts;  // by rule; kNone: the rule is not used
  std::vector<uint32_t> next;    // by counter: the state behind it
  static constexpr uint32_t kNone = UINT32_MAX;
};

Result<Determined> Determine(const Network& network, const Limits& limits);

}  // namespace sluice::constrain
