#include "constrain/stacks.h"

#include <algorithm>

namespace sluice::constrain {
namespace {

uint64_t Mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
  return hash ^ hash >> 29;
}

}  // namespace

Stacks::Stacks(const Automaton& automaton, const Limits& limits)
    : automaton_(automaton),
      limits_(limits),
      classes_(automaton.byte_class.back() + size_t{1}),
      next_(classes_, kNotKnown) {
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
    const bool far = frame.count == kBelowMinimum || frame.count == kWithinBounds;
    const bool enough = far ? frame.count == kWithinBounds : frame.count >= counter.minimum;
    if (enough && frame.count > 0) Visit(Push(counter.next, 0, frame.below));
    if (!far && frame.count >= counter.maximum) return;
    const uint32_t most = counter.maximum == kUnbounded ? std::max(counter.minimum, 1u) : kMostRepeats;
    const uint32_t count = far ? frame.count : std::min(frame.count + 1, most);
    Visit(Push(counter.body, 0, Push(frame.state, count, frame.below)));
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
    Remember(sizeof(Config) + sizeof(size_t) + 48 + closed_.size() * sizeof(StackId));
    configs_.push_back(
        {static_cast<uint32_t>(members_.size()), static_cast<uint32_t>(closed_.size()), accepts_, leaves_});
    members_.insert(members_.end(), closed_.begin(), closed_.end());
    rows_.push_back(0);
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
  uint8_t first = 0, last = 255;  // of the bytes around this one that lead to the same
  for (uint32_t i = 0; i < from.count; ++i) {
    const Frame frame = frames_[members_[from.stacks + i]];
    const uint32_t end = automaton_.states[frame.state + 1].edges;
    for (uint32_t e = automaton_.states[frame.state].edges; e < end; ++e) {
      const Automaton::Edge& edge = automaton_.edges[e];
      if (edge.first > byte) {
        last = std::min(last, static_cast<uint8_t>(edge.first - 1));
        break;
      }
      if (edge.last < byte) {
        first = std::max(first, static_cast<uint8_t>(edge.last + 1));
        continue;
      }
      first = std::max(first, edge.first);
      last = std::min(last, edge.last);
      Close(Push(edge.target, 0, frame.below));
    }
  }
  const ConfigId next = Intern();
  if (rows_[config] == 0 && Remember(classes_ * sizeof(ConfigId))) {
    rows_[config] = next_.size();
    next_.resize(next_.size() + classes_, kNotKnown);
  }
  if (rows_[config] != 0)
    std::fill(next_.begin() + static_cast<std::ptrdiff_t>(rows_[config] + automaton_.byte_class[first]),
              next_.begin() + static_cast<std::ptrdiff_t>(rows_[config] + automaton_.byte_class[last] + 1),
              next);
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
