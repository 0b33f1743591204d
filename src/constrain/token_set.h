// Sets of tokens.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::constrain {

// Either a list of token ids, rising, or (where many are allowed) one bit for each token.
struct TokenSet {
  std::vector<int32_t> ids;
  std::vector<uint64_t> bits;

  bool empty() const { return ids.empty() && bits.empty(); }
  bool contains(int32_t token) const;
  size_t bytes() const { return ids.size() * sizeof(int32_t) + bits.size() * sizeof(uint64_t); }
};

// Collects tokens, each of which may be added any number of times.
class TokenSetBuilder {
 public:
  // Tokens are numbered from 0 to below `vocabulary`.
  explicit TokenSetBuilder(int32_t vocabulary) : words_(static_cast<size_t>(vocabulary) / 64 + 1) {}

  void Add(std::span<const int32_t> tokens);
  void Add(std::span<const uint64_t> bits);
  void Add(const TokenSet& set);
  void Remove(std::span<const int32_t> tokens);
  void Keep(std::span<const uint64_t> bits);  // and none but these
  TokenSet Take();

 private:
  void SpreadOut();

  const size_t words_;
  std::vector<int32_t> ids_;    // in any order, as long as there are no bits
  std::vector<uint64_t> bits_;  // empty while they are few
};

}  // namespace sluice::constrain
