#include "constrain/masks.h"

#include <algorithm>
#include <bit>

namespace sluice::constrain {
namespace {

constexpr size_t kMostIds = 2048;        // above, a token set is kept as bits
constexpr size_t kMostExitNodes = 4096;  // nodes left to walk for each stack
constexpr int kMostFrames = 6;

}  // namespace

bool TokenSet::contains(int32_t token) const {
  if (bits.empty()) return std::ranges::binary_search(ids, token);
  const auto t = static_cast<size_t>(token);
  return token >= 0 && t / 64 < bits.size() && (bits[t / 64] >> (t % 64) & 1);
}

void Masks::AddToken(int32_t token) {
  const auto t = static_cast<size_t>(token);
  if (t / 64 >= marked_.size()) return;
  const uint64_t bit = uint64_t{1} << (t % 64);
  marked_count_ += (marked_[t / 64] & bit) == 0;
  marked_[t / 64] |= bit;
}

void Masks::AddTokens(uint32_t node) {
  const auto nodes = trie_.nodes();
  for (uint32_t t = nodes[node].token; t < nodes[node + 1].token; ++t) AddToken(trie_.tokens()[t]);
}

TokenSet Masks::TakeMarked() {
  TokenSet set;
  if (marked_count_ > kMostIds) {
    set.bits.assign(marked_.size(), 0);
    set.bits.swap(marked_);
  } else {
    set.ids.reserve(marked_count_);
    for (size_t word = 0; marked_count_ > 0 && word < marked_.size(); ++word)
      for (; marked_[word] != 0; marked_[word] &= marked_[word] - 1)
        set.ids.push_back(static_cast<int32_t>(word * 64) + std::countr_zero(marked_[word]));
  }
  marked_count_ = 0;
  bytes_ += set.ids.size() * sizeof(int32_t) + set.bits.size() * sizeof(uint64_t) + 64;
  return set;
}

// Walks the descendants of `node`, in front of which the text led to `config`.
void Masks::WalkFrom(ConfigId config, uint32_t node, std::vector<uint32_t>* exits) {
  const auto nodes = trie_.nodes();
  const uint32_t end = nodes[node].end;
  path_[nodes[node].depth] = config;
  for (uint32_t i = node + 1; i < end;) {
    const TokenTrie::Node& at = nodes[i];
    const ConfigId next = stacks_.Step(path_[at.depth - 1u], at.byte);
    if (next == kDead) {
      i = at.end;
      continue;
    }
    path_[at.depth] = next;
    AddTokens(i);
    if (exits != nullptr && stacks_.config(next).leaves && at.end > i + 1) exits->push_back(i);
    if (stacks_.overflowed()) return;
    ++i;
  }
}

// As long as no token can reach the ends of a repetition, it does not matter where in it one is.
uint32_t Masks::TypicalCount(const Frame& frame) const {
  const auto& automaton = stacks_.automaton();
  const uint32_t index = automaton.states[frame.state].counter;
  if (index == Automaton::kNoCounter) return frame.count;
  const Automaton::Counter& counter = automaton.counters[index];
  const auto reach = static_cast<uint32_t>(trie_.longest() + 1);
  const uint32_t left = counter.maximum == kUnbounded ? kUnbounded : counter.maximum - frame.count;
  if (left <= reach) return frame.count;
  const uint32_t first = std::max(counter.minimum, 1u);
  if (frame.count >= counter.minimum) {
    const uint32_t most = counter.maximum == kUnbounded ? kUnbounded : counter.maximum - first;
    return most > reach ? first : frame.count;
  }
  const uint32_t needed = counter.minimum - frame.count;
  if (needed <= reach || counter.minimum - 1 <= reach) return frame.count;
  return 1;
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
  StackId top = stack == kBottom ? kBottom : kUnknown;
  for (size_t i = kept.size(); i-- > 0;) top = stacks_.Push(kept[i].state, TypicalCount(kept[i]), top);
  return {top, stack};
}

const Masks::Part& Masks::PartOf(StackId top) {
  const auto [at, added] = parts_.try_emplace(top);
  Part& part = at->second;
  if (!added) return part;
  std::vector<uint64_t> before(trie_.size() / 64 + 1);
  before.swap(marked_);
  const size_t count_before = std::exchange(marked_count_, 0);
  WalkFrom(stacks_.Alone(top), 0, &part.exits);
  size_t left = 0;
  for (const uint32_t exit : part.exits) left += trie_.nodes()[exit].end - exit - 1;
  part.deeper = left > kMostExitNodes;
  if (part.deeper) part.exits.clear();
  part.exits.shrink_to_fit();
  if (part.deeper) {
    marked_.assign(marked_.size(), 0);
    marked_count_ = 0;
  }
  part.allowed = TakeMarked();
  bytes_ += sizeof(Part) + 64 + part.exits.size() * sizeof(uint32_t);
  marked_.swap(before);
  marked_count_ = count_before;
  return part;
}

void Masks::AddStack(StackId stack) {
  int frames = 1;
  Cut cut = CutBelow(stack, frames);
  const Part* part = &PartOf(cut.top);
  while (part->deeper && frames < kMostFrames && cut.below != kBottom) {
    cut = CutBelow(stack, ++frames);
    part = &PartOf(cut.top);
  }
  if (part->deeper) {  // nothing is gained by looking further: the whole stack is walked
    WalkFrom(stacks_.Alone(stack), 0, nullptr);
    return;
  }
  for (const int32_t token : part->allowed.ids) AddToken(token);
  if (!part->allowed.bits.empty()) {
    marked_count_ = kMostIds + 1;
    for (size_t word = 0; word < marked_.size(); ++word) marked_[word] |= part->allowed.bits[word];
  }
  if (part->exits.empty() || cut.below == kBottom) return;
  const ConfigId below = stacks_.ConfigOf(cut.below);
  if (stacks_.config(below).count == 0) return;
  for (const uint32_t exit : part->exits) WalkFrom(below, exit, nullptr);
}

const TokenSet* Masks::Allowed(ConfigId config) {
  const auto [at, added] = allowed_.try_emplace(config);
  if (!added) return at->second.get();
  marked_.resize(trie_.size() / 64 + 1);
  path_.resize(trie_.longest() + 1);
  const auto own = stacks_.stacks(config);
  for (const StackId stack : std::vector<StackId>(own.begin(), own.end())) {
    const uint32_t state = stacks_.frame(stack).state;
    const Automaton& automaton = stacks_.automaton();
    for (uint32_t t = automaton.states[state].tokens; t < automaton.states[state + 1].tokens; ++t)
      AddToken(automaton.tokens[t].token);
    if (!stacks_.overflowed()) AddStack(stack);
  }
  TokenSet set = TakeMarked();
  if (stacks_.overflowed() || bytes() > limits_.bytes) {
    allowed_.erase(config);
    return nullptr;
  }
  auto& kept = allowed_[config];
  kept = std::make_unique<TokenSet>(std::move(set));
  return kept.get();
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
