// The tokens of a vocabulary: spelling <-> id.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tokenizer/tokenizer.h"

namespace sluice::tokenizer {

constexpr TokenId kNoToken = -1;

uint64_t HashBytes(std::string_view bytes);

// Ids need not be dense, but the table is as long as the highest one. One id may have several names: the
// first is its spelling. Copies the strings.
class Vocabulary {
 public:
  // Ids from `id_limit` on are refused, so that a small file cannot ask for a large table.
  explicit Vocabulary(size_t id_limit = 1 << 24) : id_limit_(id_limit) {}

  void Reserve(size_t tokens, size_t bytes);
  // kBadFile: the spelling is taken, the id is negative or over the limit.
  Status Add(std::string_view spelling, int64_t id);

  TokenId Find(std::string_view spelling) const;
  std::string_view Spelling(TokenId id) const;  // empty if the id is unused
  bool Has(TokenId id) const { return id >= 0 && id < size() && by_id_[static_cast<size_t>(id)] != 0; }
  int32_t size() const { return static_cast<int32_t>(by_id_.size()); }  // highest id + 1
  size_t names() const { return entries_.size(); }
  size_t longest() const { return longest_; }  // bytes

 private:
  struct Entry {
    uint64_t offset;
    uint32_t length;
    TokenId id;
  };
  std::string_view Text(const Entry& e) const { return std::string_view(arena_).substr(e.offset, e.length); }
  void Grow();

  size_t id_limit_;
  size_t longest_ = 0;
  std::string arena_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> by_id_;  // entry + 1, or 0
  std::vector<uint32_t> slots_;  // entry + 1, or 0; a power of two, at most half full
};

}  // namespace sluice::tokenizer
