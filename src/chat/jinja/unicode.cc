#include "chat/jinja/unicode.h"

#include <utf8proc.h>

#include <algorithm>

namespace sluice::chat::jinja {

char32_t NextChar(std::string_view text, size_t& position) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  utf8proc_int32_t c = -1;
  const auto used =
      utf8proc_iterate(bytes + position, static_cast<utf8proc_ssize_t>(text.size() - position), &c);
  if (used <= 0) {
    ++position;
    return 0xfffd;
  }
  position += static_cast<size_t>(used);
  return static_cast<char32_t>(c);
}

void AppendChar(std::string& out, char32_t c) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
    return;
  }
  if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) c = 0xfffd;
  utf8proc_uint8_t bytes[4];
  const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
}

std::u32string ToChars(std::string_view text) {
  std::u32string chars;
  chars.reserve(text.size());
  for (size_t position = 0; position < text.size();) chars.push_back(NextChar(text, position));
  return chars;
}

std::string FromChars(std::u32string_view chars) {
  std::string text;
  text.reserve(chars.size());
  for (char32_t c : chars) AppendChar(text, c);
  return text;
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

int64_t CharCount(std::string_view text) {
  if (IsAscii(text)) return static_cast<int64_t>(text.size());
  int64_t count = 0;
  for (size_t position = 0; position < text.size(); ++count) NextChar(text, position);
  return count;
}

size_t CharOffset(std::string_view text, int64_t index) {
  if (IsAscii(text)) return std::min(static_cast<size_t>(index), text.size());
  size_t position = 0;
  for (; index > 0 && position < text.size(); --index) NextChar(text, position);
  return position;
}

namespace {
utf8proc_category_t Category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }
}  // namespace

bool IsSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

bool IsLineBreak(char32_t c) {
  return (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool IsPrintable(char32_t c) {
  if (c == ' ') return true;
  switch (Category(c)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

bool IsAlpha(char32_t c) {
  const auto category = Category(c);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}
bool IsDecimal(char32_t c) { return Category(c) == UTF8PROC_CATEGORY_ND; }

bool IsDigit(char32_t c) {
  // Besides the decimals: superscripts, subscripts, and the circled, bracketed and stopped digits.
  constexpr std::pair<char32_t, char32_t> kDigits[] = {
      {0xb2, 0xb3},     {0xb9, 0xb9},       {0x1369, 0x1371},   {0x19da, 0x19da},   {0x2070, 0x2070},
      {0x2074, 0x2079}, {0x2080, 0x2089},   {0x2460, 0x2468},   {0x2474, 0x247c},   {0x2488, 0x2490},
      {0x24ea, 0x24ea}, {0x24f5, 0x24fd},   {0x24ff, 0x24ff},   {0x2776, 0x277e},   {0x2780, 0x2788},
      {0x278a, 0x2792}, {0x10a40, 0x10a43}, {0x10e60, 0x10e68}, {0x11052, 0x1105a}, {0x1f100, 0x1f10a}};
  return IsDecimal(c) || std::any_of(std::begin(kDigits), std::end(kDigits),
                                     [c](auto range) { return c >= range.first && c <= range.second; });
}

bool IsNumeric(char32_t c) {
  // Ideographs that are numbers count as numeric although they are letters.
  constexpr std::u32string_view kIdeographs = U"〇一二三四五六七八九十百千万億兆零壹貳參肆伍陸柒捌玖拾佰仟";
  const auto category = Category(c);
  return category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL ||
         category == UTF8PROC_CATEGORY_NO || kIdeographs.find(c) != std::u32string_view::npos;
}

bool IsUpper(char32_t c) {
  return Category(c) == UTF8PROC_CATEGORY_LU || (c >= 0x2160 && c <= 0x216f) || (c >= 0x24b6 && c <= 0x24cf);
}
bool IsLower(char32_t c) {
  return Category(c) == UTF8PROC_CATEGORY_LL || c == 0xaa || c == 0xba || (c >= 0x2b0 && c <= 0x2b8) ||
         (c >= 0x2170 && c <= 0x217f) || (c >= 0x24d0 && c <= 0x24e9) || (c >= 0x1d2c && c <= 0x1d6a);
}
bool IsTitle(char32_t c) { return Category(c) == UTF8PROC_CATEGORY_LT; }
bool IsWord(char32_t c) { return c == '_' || IsAlpha(c) || IsNumeric(c); }

int DecimalValue(char32_t c) {
  if (c >= '0' && c <= '9') return static_cast<int>(c - '0');
  if (!IsDecimal(c)) return -1;
  char32_t first = c;  // decimal digits stand in runs of ten, 0 first
  while (IsDecimal(first - 1)) --first;
  return static_cast<int>((c - first) % 10);
}

namespace {

template <bool left>
std::string_view Strip(std::string_view text, std::u32string_view chars) {
  const auto drop = [&](char32_t c) {
    return chars.empty() ? IsSpace(c) : chars.find(c) != std::u32string_view::npos;
  };
  if constexpr (left) {
    for (size_t position = 0; position < text.size();) {
      const size_t start = position;
      if (!drop(NextChar(text, position))) return text.substr(start);
    }
    return {};
  } else {
    size_t end = text.size();
    while (end > 0) {
      size_t start = end - 1;
      while (start > 0 && end - start < 4 && (static_cast<unsigned char>(text[start]) & 0xc0) == 0x80)
        --start;
      size_t next = start;
      char32_t c = NextChar(text, next);
      if (next != end) {  // not one whole character: take the last byte alone
        start = end - 1;
        c = 0xfffd;
      }
      if (!drop(c)) break;
      end = start;
    }
    return text.substr(0, end);
  }
}

}  // namespace

std::string_view StripLeft(std::string_view text, std::u32string_view chars) {
  return Strip<true>(text, chars);
}
std::string_view StripRight(std::string_view text, std::u32string_view chars) {
  return Strip<false>(text, chars);
}

std::vector<std::string_view> SplitLines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  size_t start = 0;
  for (size_t position = 0; position < text.size();) {
    const size_t end = position;
    const char32_t c = NextChar(text, position);
    if (!IsLineBreak(c)) continue;
    if (c == '\r' && position < text.size() && text[position] == '\n') ++position;
    lines.push_back(text.substr(start, (keep_ends ? position : end) - start));
    start = position;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return lines;
}

}  // namespace sluice::chat::jinja
