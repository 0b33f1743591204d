// The splitting at lengths and at runs of continuation bytes follows Thompson's construction for UTF-8, as
// described by Cox, "Regular Expression Matching in the Wild" (2010).
#include "constrain/utf8_ranges.h"

#include <string>

#include "tokenizer/unicode.h"

namespace sluice::constrain {
namespace {

constexpr char32_t kLengthEnds[] = {0x7F, 0x7FF, 0xFFFF, 0x10FFFF};

// All characters from first to last have UTF-8 of one length.
void Split(char32_t first, char32_t last, std::vector<Utf8Sequence>& out) {
  const std::string low = tokenizer::ToUtf8(first), high = tokenizer::ToUtf8(last);
  for (size_t tail = 1; tail < low.size(); ++tail) {
    const char32_t mask = (char32_t{1} << (6 * tail)) - 1;  // of the bits in the last `tail` bytes
    if ((first & ~mask) == (last & ~mask)) continue;
    if ((first & mask) != 0) {
      Split(first, first | mask, out);
      return Split((first | mask) + 1, last, out);
    }
    if ((last & mask) != mask) {
      Split(first, (last & ~mask) - 1, out);
      return Split(last & ~mask, last, out);
    }
  }
  Utf8Sequence sequence;
  for (size_t i = 0; i < low.size(); ++i)
    sequence.push_back({static_cast<uint8_t>(low[i]), static_cast<uint8_t>(high[i])});
  out.push_back(std::move(sequence));
}

void SplitLengths(char32_t first, char32_t last, std::vector<Utf8Sequence>& out) {
  for (const char32_t end : kLengthEnds) {
    if (first > last) return;
    if (first > end) continue;
    Split(first, std::min(last, end), out);
    first = end + 1;
  }
}

}  // namespace

std::vector<Utf8Sequence> Utf8Ranges(const tokenizer::CharSet& set) {
  static const tokenizer::CharSet kScalars{{0, 0xD7FF}, {0xE000, tokenizer::kMaxCodePoint}};
  std::vector<Utf8Sequence> out;
  const tokenizer::CharSet scalars = set.Intersection(kScalars);
  for (const auto& [first, last] : scalars.ranges()) SplitLengths(first, last, out);
  return out;
}

}  // namespace sluice::constrain
