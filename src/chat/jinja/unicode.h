// Text by characters (code points), with Python's idea of case, space and printing. Text is UTF-8; a byte
// that is not part of a character counts as one character.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::chat::jinja {

// The character at `position`, which moves behind it. U+FFFD for a byte that is not UTF-8.
char32_t NextChar(std::string_view text, size_t& position);
void AppendChar(std::string& out, char32_t c);
std::u32string ToChars(std::string_view text);
std::string FromChars(std::u32string_view chars);

bool IsAscii(std::string_view text);
int64_t CharCount(std::string_view text);
// Byte offset of character `index`; text.size() if there are fewer.
size_t CharOffset(std::string_view text, int64_t index);

bool IsSpace(char32_t c);
bool IsLineBreak(char32_t c);
bool IsPrintable(char32_t c);
bool IsAlpha(char32_t c);
bool IsDecimal(char32_t c);
bool IsDigit(char32_t c);
bool IsNumeric(char32_t c);
bool IsUpper(char32_t c);
bool IsLower(char32_t c);
bool IsTitle(char32_t c);
bool IsWord(char32_t c);       // \w
int DecimalValue(char32_t c);  // 0-9, -1 if c is no decimal digit

std::string Upper(std::string_view text);
std::string Lower(std::string_view text);
std::string Title(std::string_view text);       // str.title()
std::string Capitalize(std::string_view text);  // str.capitalize()
std::string SwapCase(std::string_view text);
std::string CaseFold(std::string_view text);

// `chars` empty means Unicode white space, as Python's strip() does without an argument.
std::string_view StripLeft(std::string_view text, std::u32string_view chars = {});
std::string_view StripRight(std::string_view text, std::u32string_view chars = {});
std::vector<std::string_view> SplitLines(std::string_view text, bool keep_ends = false);

}  // namespace sluice::chat::jinja
