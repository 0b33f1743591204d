// A grammar ready to run: a pushdown automaton over bytes, as deterministic as its rules allow.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "constrain/grammar.h"

namespace sluice::constrain {

// Inside a rule every state has one successor for each byte (but where determining a rule would take too many
// states); what is open is only which rules are being read. From every state the rule's end can be reached.
struct Automaton {
  struct Edge {
    uint8_t first, last;
    uint32_t target;
  };
  struct Call {
    uint32_t start;  // of the rule
    uint32_t back;   // the state behind it
  };
  struct TokenEdge {
    int32_t token;
    uint32_t target;
  };
  static constexpr uint32_t kNoCounter = UINT32_MAX;
  struct State {
    uint32_t edges = 0, calls = 0, tokens = 0,
             enters = 0;            // where its own begin; they end where the next's begin
    uint32_t counter = kNoCounter;  // this state counts a repetition and does nothing else
    bool accepts = false;           // the rule may end here; false for a rule's start
    bool leaf = false;              // nothing goes on from here but the rule's end
  };
  struct Counter {
    uint32_t body;  // start of the rule that is repeated
    uint32_t minimum, maximum;
    uint32_t next;
  };

  std::vector<State> states;  // and one at the end, to end the last one's
  std::vector<Edge> edges;    // of one state rising
  std::vector<Call> calls;
  std::vector<TokenEdge> tokens;
  std::vector<uint32_t> enters;  // counting states that are entered without reading anything
  std::vector<Counter> counters;
  std::array<uint8_t, 256> byte_class{};  // no edge tells bytes of one class apart; rising
  uint32_t start = 0;
  bool may_be_empty = false;  // the grammar matches the empty text

  size_t bytes() const;
};

// Refuses what is too large, rules that begin with themselves, and grammars that match nothing.
Result<Automaton> Compile(const Grammar& grammar);

}  // namespace sluice::constrain
