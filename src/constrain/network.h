// A grammar as one nondeterministic network: states, and steps between them by bytes, tokens and rules.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "constrain/grammar.h"

namespace sluice::constrain {

struct NetworkEdge {
  enum Kind : uint8_t { kEmpty, kByte, kToken, kCall, kCounter };
  Kind kind = kEmpty;
  uint8_t first = 0, last = 0;  // kByte
  uint32_t label = 0;           // kToken: its id; kCall: the rule; kCounter: which
  uint32_t target = 0;          // not of kCounter
};

// A repetition too long to be written out: `body` stands minimum to maximum times, then `next` goes on.
struct NetworkCounter {
  uint32_t body;  // rule
  uint32_t minimum, maximum;
  uint32_t next;
};

struct Network {
  struct Rule {
    std::string name;
    uint32_t start = 0, end = 0;
    bool nullable = false;  // matches the empty text
  };
  std::vector<std::vector<NetworkEdge>> states;
  std::vector<NetworkCounter> counters;
  std::vector<Rule> rules;  // those of the grammar, then those made for counters
  uint32_t root = 0;
};

// Small rules are written out where they are used. A call of a rule that may be empty, and a counter that may
// stay at 0, have an empty edge beside them.
Result<Network> BuildNetwork(const Grammar& grammar);

}  // namespace sluice::constrain
