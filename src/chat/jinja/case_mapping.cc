// Full Unicode case mapping: simple mappings from utf8proc, the one-to-many ones from the table.
#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>

#include "chat/jinja/case_table.h"
#include "chat/jinja/unicode.h"

namespace sluice::chat::jinja {
namespace {

char32_t SimpleUpper(char32_t c) {
  return static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c)));
}
char32_t SimpleLower(char32_t c) {
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}
char32_t SimpleTitle(char32_t c) {
  return static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c)));
}

const SpecialCase* FindSpecial(char32_t c) {
  const auto* found =
      std::lower_bound(std::begin(kSpecialCases), std::end(kSpecialCases), c,
                       [](const SpecialCase& entry, char32_t value) { return entry.from < value; });
  return found != std::end(kSpecialCases) && found->from == c ? found : nullptr;
}

void AppendUpper(std::u32string& out, char32_t c) {
  if (const auto* special = c < 0x80 ? nullptr : FindSpecial(c))
    out += special->upper;
  else
    out += SimpleUpper(c);
}

void AppendTitle(std::u32string& out, char32_t c) {
  if (const auto* special = c < 0x80 ? nullptr : FindSpecial(c))
    out += special->title;
  else
    out += SimpleTitle(c);
}

bool IsCased(char32_t c) { return IsUpper(c) || IsLower(c) || IsTitle(c); }

// Apostrophes, marks and the like, which do not end a word for the final sigma.
bool IsCaseIgnorable(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return c == '\'' || c == '.' || c == ':' || c == 0xb7 || c == 0x2019 || c == 0x2018 || c == 0x2024;
  }
}

bool IsFinalSigma(std::u32string_view text, size_t position) {
  size_t before = position;
  while (before > 0 && IsCaseIgnorable(text[before - 1])) --before;
  if (before == 0 || !IsCased(text[before - 1])) return false;
  size_t after = position + 1;
  while (after < text.size() && IsCaseIgnorable(text[after])) ++after;
  return after == text.size() || !IsCased(text[after]);
}

void AppendLower(std::u32string& out, std::u32string_view text, size_t position) {
  const char32_t c = text[position];
  if (c == 0x3a3)
    out += IsFinalSigma(text, position) ? char32_t{0x3c2} : char32_t{0x3c3};
  else if (c == 0x130)
    out += U"i\u0307";
  else
    out += SimpleLower(c);
}

}  // namespace

std::string Upper(std::string_view text) {
  std::u32string out;
  for (char32_t c : ToChars(text)) AppendUpper(out, c);
  return FromChars(out);
}

std::string Lower(std::string_view text) {
  const std::u32string chars = ToChars(text);
  std::u32string out;
  for (size_t i = 0; i < chars.size(); ++i) AppendLower(out, chars, i);
  return FromChars(out);
}

std::string Title(std::string_view text) {
  const std::u32string chars = ToChars(text);
  std::u32string out;
  bool in_word = false;
  for (size_t i = 0; i < chars.size(); ++i) {
    if (in_word)
      AppendLower(out, chars, i);
    else
      AppendTitle(out, chars[i]);
    in_word = IsCased(chars[i]);
  }
  return FromChars(out);
}

std::string Capitalize(std::string_view text) {
  const std::u32string chars = ToChars(text);
  std::u32string out;
  for (size_t i = 0; i < chars.size(); ++i) {
    if (i == 0)
      AppendTitle(out, chars[i]);
    else
      AppendLower(out, chars, i);
  }
  return FromChars(out);
}

std::string SwapCase(std::string_view text) {
  const std::u32string chars = ToChars(text);
  std::u32string out;
  for (size_t i = 0; i < chars.size(); ++i) {
    if (IsUpper(chars[i]))
      AppendLower(out, chars, i);
    else if (IsLower(chars[i]))
      AppendUpper(out, chars[i]);
    else
      out += chars[i];
  }
  return FromChars(out);
}

std::string CaseFold(std::string_view text) {
  utf8proc_uint8_t* folded = nullptr;
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                 static_cast<utf8proc_ssize_t>(text.size()), &folded, UTF8PROC_CASEFOLD);
  std::string out =
      size < 0 ? std::string(text) : std::string(reinterpret_cast<char*>(folded), static_cast<size_t>(size));
  std::free(folded);
  return out;
}

}  // namespace sluice::chat::jinja
