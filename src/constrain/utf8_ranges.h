// Ranges of characters as ranges of the bytes of their UTF-8.
#pragma once

#include <cstdint>
#include <vector>

#include "tokenizer/char_set.h"

namespace sluice::constrain {

struct ByteRange {
  uint8_t first, last;  // inclusive
  auto operator<=>(const ByteRange&) const = default;
};
// One byte of each range, in order, is one character of the set.
using Utf8Sequence = std::vector<ByteRange>;

// Together they match exactly the set's characters; surrogates have no UTF-8 and are left out.
std::vector<Utf8Sequence> Utf8Ranges(const tokenizer::CharSet& set);

}  // namespace sluice::constrain
