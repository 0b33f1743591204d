#include "constrain/stacks.h"

#include <algorithm>

namespace sluice::constrain {
namespace {

uint64_t Mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
  return hash ^ hash >> 29;
}

}  // namespace

Stacks::Stacks(const Automaton& automaton, const Limits& limits) : automaton_(automaton), limits_(limits) {
  frames_.resize(2);  // kBottom, kUnknown
  seen_.resize(2);
  Intern();  // kDead
}

bool Stacks::Remember(size_t bytes) {
  bytes_ += bytes;
  if (bytes_ > limits_.bytes) overflowed_ = true;
  return !overflowed_;
}

StackId Stacks::Push(uint32_t state, uint32_t count, StackId below) {
  const uint64_t hash = Mix(Mix(Mix(1, state), count), below);
  const auto [begin, end] = frame_ids_.equal_range(hash);
  for (auto at = begin; at != end; ++at) {
    const Frame& frame = frames_[at->second];
    if (frame.state == state && frame.count == count && frame.below == below) return at->second;
  }
  const uint32_t depth = frames_[below].depth + 1;
  Remember(sizeof(Frame) + sizeof(uint32_t) + 48);
  frames_.push_back({state, count, below, depth});
  seen_.push_back(0);
  frame_ids_.emplace(hash, static_cast<StackId>(frames_.size() - 1));
  return static_cast<StackId>(frames_.size() - 1);
}

ConfigId Stacks::Start() { return ConfigOf(Push(automaton_.start, 0, kBottom)); }

void Stacks::Visit(StackId stack) {
  if (stack == kBottom) {
    accepts_ = true;
    return;
  }
  if (stack == kUnknown) {
    leaves_ = true;
    return;
  }
  if (seen_[stack] == closure_) return;
  seen_[stack] = closure_;
  open_.push_back(stack);
}

void Stacks::Expand(StackId id) {
  const Frame frame = frames_[id];  // a copy: frames move
  const auto& states = automaton_.states;
  const Automaton::State &state = states[frame.state], &next = states[frame.state + 1];
  if (state.counter != Automaton::kNoCounter) {
    const Automaton::Counter& counter = automaton_.counters[state.counter];
    if (frame.count >= counter.minimum && frame.count > 0) Visit(Push(counter.next, 0, frame.below));
    if (frame.count >= counter.maximum) return;
    const uint32_t most = counter.maximum == kUnbounded ? std::max(counter.minimum, 1u) : kMostRepeats;
    Visit(Push(counter.body, 0, Push(frame.state, std::min(frame.count + 1, most), frame.below)));
    return;
  }
  if (state.accepts) Visit(frame.below);
  if (state.edges != next.edges || state.tokens != next.tokens) closed_.push_back(id);
  if (frame.depth > limits_.nesting) return;  // too deep to go deeper
  for (uint32_t c = state.calls; c < next.calls; ++c) {
    const Automaton::Call& call = automaton_.calls[c];
    // What would only end at once need not be come back to.
    const StackId below = states[call.back].leaf ? frame.below : Push(call.back, 0, frame.below);
    Visit(Push(call.start, 0, below));
  }
  for (uint32_t e = state.enters; e < next.enters; ++e) Visit(Push(automaton_.enters[e], 0, frame.below));
}

void Stacks::Close(StackId stack) {
  Visit(stack);
  size_t expanded = 0;
  while (!open_.empty()) {
    const StackId id = open_.back();
    open_.pop_back();
    Expand(id);
    if (++expanded <= limits_.stacks * 4 && closed_.size() <= limits_.stacks && !overflowed_) continue;
    overflowed_ = true;
    open_.clear();
  }
}

ConfigId Stacks::Intern() {
  std::ranges::sort(closed_);
  closed_.erase(std::ranges::unique(closed_).begin(), closed_.end());
  uint64_t hash = (accepts_ ? 2u : 0u) + (leaves_ ? 1u : 0u);
  for (const StackId id : closed_) hash = Mix(hash, id);
  const auto [begin, end] = config_ids_.equal_range(hash);
  ConfigId found = kNotKnown;
  for (auto at = begin; at != end && found == kNotKnown; ++at)
    if (std::ranges::equal(stacks(at->second), closed_) && configs_[at->second].accepts == accepts_ &&
        configs_[at->second].leaves == leaves_)
      found = at->second;
  if (found == kNotKnown) {
    found = static_cast<ConfigId>(configs_.size());
    Remember(sizeof(Config) + sizeof(Row) + 48 + closed_.size() * sizeof(StackId));
    configs_.push_back(
        {static_cast<uint32_t>(members_.size()), static_cast<uint32_t>(closed_.size()), accepts_, leaves_});
    members_.insert(members_.end(), closed_.begin(), closed_.end());
    rows_.emplace_back();
    config_ids_.emplace(hash, found);
  }
  closed_.clear();
  accepts_ = leaves_ = false;
  ++closure_;
  return found;
}

ConfigId Stacks::ConfigOf(StackId stack) { return ConfigOf(std::span(&stack, 1)); }

ConfigId Stacks::ConfigOf(std::span<const StackId> stacks) {
  ++closure_;
  for (const StackId stack : stacks) Close(stack);
  return Intern();
}

ConfigId Stacks::Alone(StackId stack) {
  closed_ = {stack};
  return Intern();
}

ConfigId Stacks::ComputeStep(ConfigId config, uint8_t byte) {
  ++closure_;
  const Config from = configs_[config];
  for (uint32_t i = 0; i < from.count; ++i) {
    const Frame frame = frames_[members_[from.stacks + i]];
    const uint32_t end = automaton_.states[frame.state + 1].edges;
    for (uint32_t e = automaton_.states[frame.state].edges; e < end && automaton_.edges[e].first <= byte; ++e)
      if (byte <= automaton_.edges[e].last) Close(Push(automaton_.edges[e].target, 0, frame.below));
  }
  const ConfigId next = Intern();
  Row& row = rows_[config];
  if (!row.asked) {
    row.asked = true;
  } else if (row.next == nullptr && Remember(sizeof(Next) + 256 * sizeof(ConfigId))) {
    row.next = std::make_unique<Next>(256, kNotKnown);
  }
  if (row.next != nullptr) (*row.next)[byte] = next;
  return next;
}

ConfigId Stacks::StepToken(ConfigId config, int32_t token) {
  ++closure_;
  const Config from = configs_[config];
  for (uint32_t i = 0; i < from.count; ++i) {
    const Frame frame = frames_[members_[from.stacks + i]];
    const uint32_t end = automaton_.states[frame.state + 1].tokens;
    for (uint32_t t = automaton_.states[frame.state].tokens; t < end; ++t)
      if (automaton_.tokens[t].token == token) Close(Push(automaton_.tokens[t].target, 0, frame.below));
  }
  return Intern();
}

}  // namespace sluice::constrain
