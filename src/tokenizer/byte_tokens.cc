#include "tokenizer/byte_tokens.h"

#include <fmt/format.h>

namespace sluice::tokenizer {

std::optional<unsigned char> ParseByteToken(std::string_view spelling) {
  if (spelling.size() != 6 || !spelling.starts_with("<0x") || spelling[5] != '>') return std::nullopt;
  int value = 0;
  for (const char c : spelling.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9'                 ? c - '0'
                      : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                           : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + digit;
  }
  return static_cast<unsigned char>(value);
}

ByteTokens::ByteTokens(const Vocabulary& vocabulary) {
  for (size_t byte = 0; byte < ids_.size(); ++byte) {
    ids_[byte] = vocabulary.Find(fmt::format("<0x{:02X}>", byte));
    missing_ += ids_[byte] == kNoToken;
  }
}

bool ByteTokens::Append(std::string_view bytes, std::vector<TokenId>& ids) const {
  const size_t before = ids.size();
  for (const char c : bytes) {
    const TokenId id = ids_[static_cast<unsigned char>(c)];
    if (id == kNoToken) {
      ids.resize(before);
      return false;
    }
    ids.push_back(id);
  }
  return true;
}

}  // namespace sluice::tokenizer
