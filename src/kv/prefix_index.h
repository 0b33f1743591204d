// Which blocks hold which tokens: a full page is known by its tokens and by all tokens before them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "kernels/table.h"

namespace sluice::kv {

// Pages form a tree: whoever shares a page shares everything before it. Tokens are compared one by one, a
// hash only finds them, so that two different texts never meet. Not thread-safe.
class PrefixIndex {
 public:
  // Names a text that ends with a page, or the empty one.
  using Text = uint64_t;
  struct Page {
    int32_t block;
    Text text;  // up to its end
  };
  static constexpr int64_t kTokens = kernels::kPageTokens;

  // The empty text. Texts of different salts, which are below kFirstText, share nothing.
  static constexpr Text Empty(uint64_t salt) { return salt; }

  // The page that follows `before` with the kTokens at `tokens`.
  std::optional<Page> Find(Text before, const int32_t* tokens) const;
  // `block` holds that page from now on. No other may, and it holds no other.
  Text Add(int32_t block, Text before, const int32_t* tokens);
  Text Remove(int32_t block);  // what it held
  bool Has(int32_t block) const {
    return static_cast<size_t>(block) < pages_.size() && pages_[block].text != kNoText;
  }
  int64_t size() const { return static_cast<int64_t>(by_hash_.size()); }

 private:
  static constexpr Text kFirstText = Text{1} << 63;
  static constexpr Text kNoText = 0;  // no page ends there: it is the empty text of salt 0

  struct Entry {
    Text before = 0, text = kNoText;
    std::array<int32_t, kTokens> tokens = {};
  };
  static uint64_t Hash(Text before, const int32_t* tokens);

  Text last_text_ = kFirstText;
  std::vector<Entry> pages_;                            // by block, as far as blocks were added
  std::unordered_multimap<uint64_t, int32_t> by_hash_;  // blocks
};

}  // namespace sluice::kv
