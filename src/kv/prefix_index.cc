#include "kv/prefix_index.h"

#include <algorithm>
#include <utility>

namespace sluice::kv {

// Multiply and shift (Knuth's constant of the golden ratio), two tokens at a time.
uint64_t PrefixIndex::Hash(Text before, const int32_t* tokens) {
  constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;
  uint64_t hash = before;
  for (int64_t i = 0; i < kTokens; i += 2) {
    hash ^= uint64_t{static_cast<uint32_t>(tokens[i])} << 32 | static_cast<uint32_t>(tokens[i + 1]);
    hash *= kGolden;
    hash ^= hash >> 29;
  }
  return hash;
}

std::optional<PrefixIndex::Page> PrefixIndex::Find(Text before, const int32_t* tokens) const {
  const auto [first, last] = by_hash_.equal_range(Hash(before, tokens));
  for (auto it = first; it != last; ++it) {
    const Entry& entry = pages_[it->second];
    if (entry.before == before && std::equal(entry.tokens.begin(), entry.tokens.end(), tokens))
      return Page{it->second, entry.text};
  }
  return {};
}

PrefixIndex::Text PrefixIndex::Add(int32_t block, Text before, const int32_t* tokens) {
  if (static_cast<size_t>(block) >= pages_.size()) pages_.resize(static_cast<size_t>(block) + 1);
  Entry& entry = pages_[block];
  entry.before = before;
  entry.text = ++last_text_;
  std::copy_n(tokens, kTokens, entry.tokens.begin());
  by_hash_.emplace(Hash(before, tokens), block);
  return entry.text;
}

PrefixIndex::Text PrefixIndex::Remove(int32_t block) {
  Entry& entry = pages_[block];
  const auto [first, last] = by_hash_.equal_range(Hash(entry.before, entry.tokens.data()));
  by_hash_.erase(std::find_if(first, last, [&](const auto& at) { return at.second == block; }));
  return std::exchange(entry.text, kNoText);
}

}  // namespace sluice::kv
