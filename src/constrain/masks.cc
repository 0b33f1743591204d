#include "constrain/masks.h"

#include <algorithm>
#include <utility>

namespace sluice::constrain {
namespace {

constexpr size_t kMostBehindExits = 2048;  // tokens left to walk for each stack
constexpr int kMostFrames = 6;
constexpr size_t kShort = 4;  // bytes of tokens that are not worth being looked up apart
constexpr size_t kNear = TokenTrie::kMostCharacters - 3;  // to a maximum, which a few characters reach

}  // namespace

Masks::Distance Masks::DistanceOf(const Frame& frame) const {
  const auto& automaton = stacks_.automaton();
  const uint32_t index = automaton.states[frame.state].counter;
  if (index == Automaton::kNoCounter || frame.count == kBelowMinimum || frame.count == kWithinBounds)
    return {};
  const Automaton::Counter& counter = automaton.counters[index];
  const auto bytes = [&](uint32_t end) {
    if (end == kUnbounded) return SIZE_MAX;
    return end - frame.count > 2 ? size_t{end - frame.count - 2} : 0;
  };
  const size_t to_maximum = bytes(counter.maximum);
  return {to_maximum, frame.count < counter.minimum ? bytes(counter.minimum) : to_maximum};
}

Masks::Far Masks::FarFrom(size_t Distance::* which, size_t least, const std::vector<Frame>& frames,
                          StackId bottom) {
  Far far = {bottom, SIZE_MAX};
  for (size_t i = frames.size(); i-- > 0;) {
    uint32_t count = frames[i].count;
    const uint32_t index = stacks_.automaton().states[frames[i].state].counter;
    const size_t distance = DistanceOf(frames[i]).*which;
    if (index != Automaton::kNoCounter && count != kBelowMinimum && distance >= least) {
      count = count >= stacks_.automaton().counters[index].minimum ? kWithinBounds : kBelowMinimum;
      far.distance = std::min(far.distance, distance);
    }
    far.top = stacks_.Push(frames[i].state, count, far.top);
  }
  return far;
}

Masks::Cut Masks::CutBelow(StackId stack, int frames) {
  std::vector<Frame> kept;
  while (stack != kBottom && stack != kUnknown) {
    const Frame frame = stacks_.frame(stack);
    const bool counts = stacks_.automaton().states[frame.state].counter != Automaton::kNoCounter;
    if (!counts && frames-- == 0) break;
    kept.push_back(frame);
    stack = frame.below;
  }
  const StackId bottom = stack == kBottom ? kBottom : kUnknown;
  return {FarFrom(&Distance::to_ends, trie_.longest(), kept, bottom).top, stack};
}

const Masks::Part& Masks::PartOf(StackId top) {
  const auto found = parts_.find(top);
  if (found != parts_.end()) return found->second;
  Part& part = parts_.emplace(top, ComputePart(top)).first->second;
  part.exits.nodes.shrink_to_fit();
  bytes_ += sizeof(Part) + 64 + part.exits.nodes.size() * sizeof(uint32_t) + part.allowed.bytes();
  return part;
}

Masks::Part Masks::ComputePart(StackId top) {
  std::vector<Frame> frames;
  StackId bottom = top;
  for (; bottom != kBottom && bottom != kUnknown; bottom = frames.back().below)
    frames.push_back(stacks_.frame(bottom));
  Part part;
  TokenSetBuilder allowed(trie_.size());
  VocabularyWalk::Task task = {
      .config = stacks_.Alone(top), .exits = &part.exits, .most_behind_exits = kMostBehindExits};
  // Far from its ends a repetition reads no more than here, as long as the maximum is not reached.
  const Far within = FarFrom(&Distance::to_maximum, kNear, frames, bottom);
  if (within.distance != SIZE_MAX) {
    task.known = walk_.KnownFrom(stacks_.Alone(within.top));
    const size_t characters = std::exchange(task.known.characters, SIZE_MAX);
    task.known.bytes = std::min({task.known.bytes, characters, within.distance});
  }
  if (task.known.kinds == 0 || task.known.bytes < kNear) task.known = walk_.KnownFrom(task.config);
  walk_.Add(task.known, &allowed);
  // Short tokens do not reach either end.
  if (const Far far = FarFrom(&Distance::to_ends, kShort, frames, bottom); far.distance != SIZE_MAX) {
    task.longer_than = far.distance;
    part.deeper = !AddShort(PartOf(far.top), far.distance, &part.exits, &allowed);
  }
  part.deeper = part.deeper || !walk_.Run(task, &allowed);
  if (part.deeper) return {.deeper = true};
  part.allowed = allowed.Take();
  return part;
}

bool Masks::AddShort(const Part& part, size_t bytes, Exits* exits, TokenSetBuilder* out) {
  if (part.deeper) return false;
  TokenSetBuilder allowed(trie_.size());
  allowed.Add(part.allowed);
  walk_.KeepShort(bytes, &allowed);
  out->Add(allowed.Take());
  for (const uint32_t node : part.exits.nodes) {
    if (trie_.deepest()[node] > bytes) continue;  // the walk for long tokens meets it
    const TokenTrie::Node& at = trie_.nodes()[node];
    exits->nodes.push_back(node);
    exits->behind += at.end - at.below;
  }
  return true;
}

void Masks::AddStack(StackId stack, TokenSetBuilder* out) {
  int frames = 1;
  Cut cut = CutBelow(stack, frames);
  const Part* part = &PartOf(cut.top);
  while (part->deeper && frames < kMostFrames && cut.below != kBottom) {
    cut = CutBelow(stack, ++frames);
    part = &PartOf(cut.top);
  }
  if (part->deeper) {  // nothing is gained by looking further: the whole stack is walked
    const ConfigId config = stacks_.Alone(stack);
    const KnownText known = walk_.KnownFrom(config);
    walk_.Add(known, out);
    walk_.Run({.config = config, .known = known}, out);
    return;
  }
  out->Add(part->allowed);
  if (part->exits.nodes.empty() || cut.below == kBottom) return;
  const ConfigId below = stacks_.ConfigOf(cut.below);
  if (stacks_.config(below).count == 0) return;
  for (const uint32_t exit : part->exits.nodes) walk_.Run({.config = below, .node = exit}, out);
}

bool Masks::Prepare(StackId stack) {
  const StackId top = CutBelow(stack, 1).top;
  if (parts_.contains(top) || walk_.KnownFrom(stacks_.Alone(top)).kinds == 0) return false;
  PartOf(top);
  return true;
}

const TokenSet* Masks::Allowed(ConfigId config) {
  const auto found = allowed_.find(config);
  if (found != allowed_.end()) return found->second.get();
  TokenSetBuilder allowed(trie_.size());
  const auto own = stacks_.stacks(config);
  for (const StackId stack : std::vector<StackId>(own.begin(), own.end())) {
    const uint32_t state = stacks_.frame(stack).state;
    const Automaton& automaton = stacks_.automaton();
    for (uint32_t t = automaton.states[state].tokens; t < automaton.states[state + 1].tokens; ++t)
      if (const int32_t token = automaton.tokens[t].token; token < trie_.size())
        allowed.Add(std::span(&token, 1));
    if (!stacks_.overflowed()) AddStack(stack, &allowed);
  }
  if (stacks_.overflowed() || bytes() > limits_.bytes) return nullptr;
  auto kept = std::make_unique<TokenSet>(allowed.Take());
  bytes_ += 64 + kept->bytes();
  return (allowed_[config] = std::move(kept)).get();
}

ConfigId Masks::Accept(ConfigId config, int32_t token) {
  const ConfigId by_token = stacks_.StepToken(config, token);
  if (!trie_.is_text(token)) return by_token;
  for (const char byte : trie_.bytes(token)) {
    if (config == kDead) break;
    config = stacks_.Step(config, static_cast<uint8_t>(byte));
  }
  if (by_token == kDead) return config;
  if (config == kDead) return by_token;
  std::vector<StackId> both(stacks_.stacks(config).begin(), stacks_.stacks(config).end());
  both.insert(both.end(), stacks_.stacks(by_token).begin(), stacks_.stacks(by_token).end());
  if (stacks_.config(config).accepts || stacks_.config(by_token).accepts) both.push_back(kBottom);
  return stacks_.ConfigOf(both);
}

}  // namespace sluice::constrain
