// What an automaton may be doing: sets of stacks of states, kept once each.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "constrain/automaton.h"

namespace sluice::constrain {

using StackId = uint32_t;
using ConfigId = uint32_t;

// Below the lowest frame: the whole grammar has been read, or nobody knows what goes on there.
constexpr StackId kBottom = 0, kUnknown = 1;
constexpr ConfigId kDead = 0;

// Counts of a repetition that is far from its ends: however often its body is read again, it stays so.
constexpr uint32_t kBelowMinimum = UINT32_MAX, kWithinBounds = UINT32_MAX - 1;

// A state, and under it the state that goes on when the rule of the first has ended.
struct Frame {
  uint32_t state;
  uint32_t count;  // of a counting state: how often its body has been read
  StackId below;
  uint32_t depth;
};

// All stacks that a text can have led to. Those at the top can read on.
struct Config {
  uint32_t stacks = 0, count = 0;  // where they lie, and how many
  bool accepts = false;            // the text may end here
  bool leaves = false;             // the rest is read by what lies below a stack whose bottom is not known
};

// Grows with what it is asked; what it has given stays. Not thread-safe.
class Stacks {
 public:
  Stacks(const Automaton& automaton, const Limits& limits);

  ConfigId Start();  // in front of everything
  // The configuration after one more byte; kDead: no text goes on so.
  ConfigId Step(ConfigId config, uint8_t byte) {
    const ConfigId next = next_[rows_[config] + automaton_.byte_class[byte]];
    return next != kNotKnown ? next : ComputeStep(config, byte);
  }
  ConfigId StepToken(ConfigId config, int32_t token);
  // That of a single stack, which may have ended its rule.
  ConfigId ConfigOf(StackId stack);
  ConfigId ConfigOf(std::span<const StackId> stacks);

  // The stack and nothing that it could do without reading.
  ConfigId Alone(StackId stack);

  const Config& config(ConfigId id) const { return configs_[id]; }
  std::span<const StackId> stacks(ConfigId id) const {
    return std::span(members_).subspan(configs_[id].stacks, configs_[id].count);
  }
  const Frame& frame(StackId id) const { return frames_[id]; }
  StackId Push(uint32_t state, uint32_t count, StackId below);

  // A limit was passed; configurations since then may lack stacks.
  bool overflowed() const { return overflowed_; }
  size_t bytes() const { return bytes_; }
  const Automaton& automaton() const { return automaton_; }

 private:
  static constexpr ConfigId kNotKnown = UINT32_MAX;
  ConfigId ComputeStep(ConfigId config, uint8_t byte);
  void Close(StackId stack);  // adds what can be read from here to closed_
  ConfigId Intern();          // of closed_ and what Close has found
  void Visit(StackId stack);
  void Expand(StackId stack);
  bool Remember(size_t bytes);

  const Automaton& automaton_;
  const Limits limits_;
  std::vector<Frame> frames_;
  std::unordered_multimap<uint64_t, StackId> frame_ids_;
  std::vector<Config> configs_;
  std::vector<StackId> members_;
  std::unordered_multimap<uint64_t, ConfigId> config_ids_;
  const size_t classes_;        // of bytes
  std::vector<size_t> rows_;    // by configuration: where its successors begin in next_
  std::vector<ConfigId> next_;  // by class of bytes; the first row is of those that nobody asked about

  std::vector<StackId> open_, closed_;  // of the closure being computed
  std::vector<uint32_t> seen_;          // by stack: the closure that saw it last
  uint32_t closure_ = 0;
  bool accepts_ = false, leaves_ = false, overflowed_ = false;
  size_t bytes_ = 0;
};

}  // namespace sluice::constrain
