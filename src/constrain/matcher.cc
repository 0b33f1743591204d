#include "constrain/matcher.h"

#include <fmt/format.h>

#include <algorithm>

#include "constrain/prepare_masks.h"

namespace sluice::constrain {
namespace {

Error TooComplex(const Limits& limits) {
  return {ErrorCode::kUsage,
          fmt::format("the grammar is too ambiguous: following it took more than {} states at once or {} MiB",
                      limits.stacks, limits.bytes >> 20),
          "write alternatives so that they differ early, and shorten nested repetitions"};
}

}  // namespace

Result<std::shared_ptr<CompiledGrammar>> CompiledGrammar::Create(const Grammar& grammar,
                                                                 std::shared_ptr<const TokenTrie> trie) {
  SLUICE_TRY(Automaton automaton, Compile(grammar));
  const auto compiled = std::shared_ptr<CompiledGrammar>(
      new CompiledGrammar(std::move(automaton), std::move(trie), grammar.limits()));
  const std::lock_guard lock(compiled->mutex_);
  PrepareMasks(*compiled->CurrentMasks());
  return compiled;
}

size_t CompiledGrammar::bytes() const {
  const std::lock_guard lock(mutex_);
  return automaton_.bytes() + (masks_ ? masks_->bytes() : 0);
}

std::shared_ptr<Masks> CompiledGrammar::CurrentMasks() {
  if (!masks_ || masks_->bytes() > limits_.bytes / 2 || masks_->stacks().overflowed())
    masks_ = std::make_shared<Masks>(automaton_, *trie_, limits_);
  return masks_;
}

Matcher::Matcher(std::shared_ptr<CompiledGrammar> grammar) : grammar_(std::move(grammar)) {
  const std::lock_guard lock(grammar_->mutex_);
  masks_ = grammar_->CurrentMasks();
  config_ = masks_->stacks().Start();
  can_end_ = grammar_->automaton_.may_be_empty;
}

// Copies its stacks to where they are remembered now.
void Matcher::Follow(const std::shared_ptr<Masks>& masks) {
  if (masks == masks_) return;
  Stacks &from = masks_->stacks(), &to = masks->stacks();
  std::vector<StackId> copies;
  for (const StackId stack : from.stacks(config_)) {
    std::vector<Frame> frames;
    for (StackId at = stack; at != kBottom; at = frames.back().below) frames.push_back(from.frame(at));
    StackId copy = kBottom;
    for (size_t i = frames.size(); i-- > 0;) copy = to.Push(frames[i].state, frames[i].count, copy);
    copies.push_back(copy);
  }
  if (from.config(config_).accepts) copies.push_back(kBottom);
  config_ = to.ConfigOf(copies);
  masks_ = masks;
}

Result<const TokenSet*> Matcher::Allowed() {
  const std::lock_guard lock(grammar_->mutex_);
  with_ends_ = {};
  if (ended_) return &with_ends_;
  Follow(grammar_->CurrentMasks());
  const TokenSet* allowed = masks_->Allowed(config_);
  if (allowed == nullptr) return Fail(TooComplex(grammar_->limits_));
  if (!can_end_) return allowed;
  with_ends_ = *allowed;
  for (const int32_t end : grammar_->trie_->end_tokens()) {
    const auto t = static_cast<size_t>(end);
    if (with_ends_.contains(end) || end < 0 || end >= grammar_->trie_->size()) continue;
    if (!with_ends_.bits.empty())
      with_ends_.bits[t / 64] |= uint64_t{1} << (t % 64);
    else
      with_ends_.ids.insert(std::ranges::upper_bound(with_ends_.ids, end), end);
  }
  return &with_ends_;
}

Status Matcher::Accept(int32_t token) {
  const std::lock_guard lock(grammar_->mutex_);
  const auto refused = [&] {
    return Fail(ErrorCode::kInternal, fmt::format("token {} does not follow the grammar", token));
  };
  if (ended_ || token < 0 || token >= grammar_->trie_->size()) return refused();
  Follow(grammar_->CurrentMasks());
  const ConfigId next = masks_->Accept(config_, token);
  if (masks_->stacks().overflowed()) return Fail(TooComplex(grammar_->limits_));
  if (next == kDead) {
    if (!can_end_ ||
        std::ranges::find(grammar_->trie_->end_tokens(), token) == grammar_->trie_->end_tokens().end())
      return refused();
    ended_ = true;
    return {};
  }
  config_ = next;
  can_end_ = masks_->stacks().config(next).accepts;
  return {};
}

}  // namespace sluice::constrain
