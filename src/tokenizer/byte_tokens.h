// Tokens that stand for one byte each: "<0x00>" to "<0xFF>".
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "tokenizer/vocabulary.h"

namespace sluice::tokenizer {

// The byte that exactly "<0xNN>" (two hexadecimal digits) names.
std::optional<unsigned char> ParseByteToken(std::string_view spelling);

class ByteTokens {
 public:
  explicit ByteTokens(const Vocabulary& vocabulary);
  bool complete() const { return missing_ == 0; }
  // Appends the tokens of all bytes; false, and nothing is appended, if one is missing.
  bool Append(std::string_view bytes, std::vector<TokenId>& ids) const;

 private:
  std::array<TokenId, 256> ids_;
  int missing_ = 0;
};

}  // namespace sluice::tokenizer
