#include "tokenizer/byte_level.h"

#include <array>

#include "tokenizer/unicode.h"

namespace sluice::tokenizer {
namespace {

struct Tables {
  std::array<char32_t, 256> chars;
  std::array<std::string, 256> spelled;
  std::array<int, 0x144> bytes;
};

// Printable Latin-1 stands for itself; the other bytes follow from U+0100 on.
const Tables& GetTables() {
  static const Tables tables = [] {
    Tables t;
    t.bytes.fill(-1);
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const bool itself = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      const char32_t c = itself ? static_cast<char32_t>(byte) : next++;
      t.chars[byte] = c;
      t.spelled[byte] = ToUtf8(c);
      t.bytes[c] = byte;
    }
    return t;
  }();
  return tables;
}

}  // namespace

const std::string_view kGpt2Expression =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

char32_t ByteToChar(unsigned char byte) { return GetTables().chars[byte]; }

std::optional<unsigned char> CharToByte(char32_t c) {
  const auto& bytes = GetTables().bytes;
  if (c >= bytes.size() || bytes[c] < 0) return std::nullopt;
  return static_cast<unsigned char>(bytes[c]);
}

void AppendSpelled(std::string_view bytes, std::string& out) {
  const auto& spelled = GetTables().spelled;
  for (const char byte : bytes) out += spelled[static_cast<unsigned char>(byte)];
}

void AppendBytes(std::string_view spelling, std::string& out) {
  const size_t before = out.size();
  for (size_t i = 0; i < spelling.size();) {
    const Decoded c = DecodeAt(spelling, i);
    const auto byte = CharToByte(c.value);
    if (!byte || c.status != Decoded::kValid) {
      out.resize(before);
      out += spelling;
      return;
    }
    out.push_back(static_cast<char>(*byte));
    i += c.size;
  }
}

}  // namespace sluice::tokenizer
