// GPT-2's spelling of bytes: each byte is one printable character ("Ġ" is the space).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::tokenizer {

// The expression that GPT-2 splits by.
extern const std::string_view kGpt2Expression;

char32_t ByteToChar(unsigned char byte);
std::optional<unsigned char> CharToByte(char32_t c);

void AppendSpelled(std::string_view bytes, std::string& out);
// The bytes that `spelling` stands for; the spelling itself if a character in it stands for none.
void AppendBytes(std::string_view spelling, std::string& out);

}  // namespace sluice::tokenizer
