#include "constrain/text_kinds.h"

#include <array>

#include "tokenizer/unicode.h"

namespace sluice::constrain {
namespace {

constexpr std::array<uint8_t, 128> NumberKinds() {
  std::array<uint8_t, 128> kinds{};
  uint8_t next = 8;
  for (int byte = 0; byte < 128; ++byte) {
    const auto of = [byte](char first, char last) { return byte >= first && byte <= last; };
    uint8_t kind = 0;
    if (of('a', 'f')) {
      kind = 1;
    } else if (of('g', 'z')) {
      kind = 2;
    } else if (of('A', 'F')) {
      kind = 3;
    } else if (of('G', 'Z')) {
      kind = 4;
    } else if (byte == '0') {
      kind = 5;
    } else if (of('1', '9')) {
      kind = 6;
    } else if (byte < ' ' && byte != '\t' && byte != '\n' && byte != '\r') {
      kind = 7;
    } else {
      kind = next++;
    }
    kinds[static_cast<size_t>(byte)] = kind;
  }
  return kinds;
}

constexpr std::array<uint8_t, 128> kNumbers = NumberKinds();

}  // namespace

Kinds KindOfAscii(uint8_t byte) { return Kinds{1} << kNumbers[byte]; }

void KindsOfSuffixes(std::string_view text, std::vector<Kinds>* kinds) {
  kinds->assign(text.size() + 1, 0);
  for (size_t i = text.size(); i-- > 0;) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if (byte < 0x80) {
      (*kinds)[i] = (*kinds)[i + 1] | KindOfAscii(byte);
      continue;
    }
    const auto c = tokenizer::DecodeAt(text, i);
    const bool whole = c.status == tokenizer::Decoded::kValid;
    (*kinds)[i] = whole ? (*kinds)[i + c.size] | kBeyondAscii : (*kinds)[i + 1] | kStrayBytes;
  }
  kinds->pop_back();
}

Kinds KindsOf(std::string_view text) {
  std::vector<Kinds> kinds;
  KindsOfSuffixes(text, &kinds);
  return kinds.empty() ? 0 : kinds[0];
}

}  // namespace sluice::constrain
