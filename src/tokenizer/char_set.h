// Sets of code points: as ranges while they are computed, as bitmaps where they are asked often.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/unicode.h"

namespace sluice::tokenizer {

// Sorted, disjoint, not touching; ends are inclusive.
class CharSet {
 public:
  using Range = std::pair<char32_t, char32_t>;

  CharSet() = default;
  CharSet(std::initializer_list<Range> ranges);
  static CharSet Of(char32_t c) { return CharSet{{c, c}}; }
  static CharSet Where(bool (*predicate)(char32_t));
  static CharSet OfCategories(Category first, Category last);

  void Add(char32_t first, char32_t last);
  void Add(const CharSet& other);
  CharSet Complement() const;
  CharSet Intersection(const CharSet& other) const;
  // With every character that differs from a member only in case (simple folding: k, K, U+212A).
  CharSet CaseClosure() const;

  bool Contains(char32_t c) const;
  const std::vector<Range>& ranges() const { return ranges_; }
  bool operator==(const CharSet&) const = default;

 private:
  void Tidy();
  std::vector<Range> ranges_;
};

// What \p{name} means: a general category (short or long name), a script, or a few binary properties.
// False: the name is not known. Case, spaces, '_' and '-' in it do not count.
bool FindProperty(std::string_view name, CharSet& set);

class CharBitmap {
 public:
  explicit CharBitmap(const CharSet& set);
  bool Contains(char32_t c) const {
    const Page& page = pages_[index_[c >> 8]];
    return page[(c >> 6) & 3] >> (c & 63) & 1;
  }

 private:
  using Page = std::array<uint64_t, 4>;
  std::array<uint16_t, (kMaxCodePoint + 1) / 256> index_{};
  std::vector<Page> pages_;
};

}  // namespace sluice::tokenizer
