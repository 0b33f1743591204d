#include "constrain/token_set.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace sluice::constrain {
namespace {

constexpr size_t kMostIds = 2048;  // above, a set is kept as bits

size_t Word(int32_t token) { return static_cast<size_t>(token) / 64; }
uint64_t Bit(int32_t token) { return uint64_t{1} << (static_cast<size_t>(token) % 64); }

}  // namespace

bool TokenSet::contains(int32_t token) const {
  if (bits.empty()) return std::ranges::binary_search(ids, token);
  return token >= 0 && Word(token) < bits.size() && (bits[Word(token)] & Bit(token)) != 0;
}

void TokenSetBuilder::SpreadOut() {
  bits_.assign(words_, 0);
  for (const int32_t token : ids_) bits_[Word(token)] |= Bit(token);
  ids_.clear();
}

void TokenSetBuilder::Add(std::span<const int32_t> tokens) {
  if (bits_.empty() && ids_.size() + tokens.size() > kMostIds) SpreadOut();
  if (bits_.empty()) {
    ids_.insert(ids_.end(), tokens.begin(), tokens.end());
    return;
  }
  for (const int32_t token : tokens) bits_[Word(token)] |= Bit(token);
}

void TokenSetBuilder::Add(std::span<const uint64_t> bits) {
  if (bits_.empty()) SpreadOut();
  for (size_t word = 0; word < words_; ++word) bits_[word] |= bits[word];
}

void TokenSetBuilder::Add(const TokenSet& set) {
  if (set.bits.empty())
    Add(set.ids);
  else
    Add(set.bits);
}

void TokenSetBuilder::Remove(std::span<const int32_t> tokens) {
  if (bits_.empty()) SpreadOut();
  for (const int32_t token : tokens) bits_[Word(token)] &= ~Bit(token);
}

void TokenSetBuilder::Keep(std::span<const uint64_t> bits) {
  if (bits_.empty()) SpreadOut();
  for (size_t word = 0; word < words_; ++word) bits_[word] &= bits[word];
}

TokenSet TokenSetBuilder::Take() {
  TokenSet set;
  if (bits_.empty()) {
    std::ranges::sort(ids_);
    ids_.erase(std::ranges::unique(ids_).begin(), ids_.end());
    set.ids = std::exchange(ids_, {});
    return set;
  }
  size_t count = 0;
  for (size_t word = 0; word < bits_.size() && count <= kMostIds; ++word)
    count += static_cast<size_t>(std::popcount(bits_[word]));
  if (count > kMostIds) {
    set.bits = std::exchange(bits_, {});
    return set;
  }
  set.ids.reserve(count);
  for (size_t word = 0; word < bits_.size(); ++word)
    for (uint64_t left = bits_[word]; left != 0; left &= left - 1)
      set.ids.push_back(static_cast<int32_t>(word * 64) + std::countr_zero(left));
  bits_.clear();
  return set;
}

}  // namespace sluice::constrain
