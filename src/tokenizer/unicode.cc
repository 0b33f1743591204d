#include "tokenizer/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "tokenizer/unicode_data.h"

namespace sluice::tokenizer {
namespace {

constexpr size_t kPageSize = 256;

// A run table unfolded to pages, so that a look-up is two loads.
class PropertyTable {
 public:
  PropertyTable(const uint32_t* runs, size_t count, int shift) {
    std::array<uint8_t, kPageSize> page{};
    size_t run = 0;
    for (uint32_t cp = 0; cp <= kMaxCodePoint; ++cp) {
      while (run + 1 < count && runs[run + 1] >> shift <= cp) ++run;
      page[cp % kPageSize] = static_cast<uint8_t>(runs[run] & ((1u << shift) - 1));
      if (cp % kPageSize == kPageSize - 1) AddPage(cp / kPageSize, page);
    }
  }
  uint8_t Find(char32_t c) const {
    if (c > kMaxCodePoint) return 0;
    return pages_[index_[c / kPageSize]][c % kPageSize];
  }

 private:
  void AddPage(size_t number, const std::array<uint8_t, kPageSize>& page) {
    if (pages_.empty() || pages_.back() != page) pages_.push_back(page);
    index_[number] = static_cast<uint16_t>(pages_.size() - 1);
  }

  std::array<uint16_t, (kMaxCodePoint + 1) / kPageSize> index_;
  std::vector<std::array<uint8_t, kPageSize>> pages_;
};

const PropertyTable& Categories() {
  static const PropertyTable table(kCategoryRuns, kCategoryRunCount, 5);
  return table;
}

bool Between(Category c, Category first, Category last) { return c >= first && c <= last; }

// Sorts runs of combining marks by class, keeping the order of equals.
void OrderMarks(std::vector<utf8proc_int32_t>& code_points) {
  const auto combining_class = [](utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; };
  for (size_t i = 0; i < code_points.size();) {
    if (code_points[i] < 0x300 || combining_class(code_points[i]) == 0) {
      ++i;
      continue;
    }
    size_t end = i + 1;
    while (end < code_points.size() && combining_class(code_points[end]) != 0) ++end;
    if (end - i > 1)
      std::stable_sort(code_points.begin() + i, code_points.begin() + end,
                       [&](auto a, auto b) { return combining_class(a) < combining_class(b); });
    i = end;
  }
}

std::vector<utf8proc_int32_t> Decompose(std::string_view text, utf8proc_option_t options) {
  std::vector<utf8proc_int32_t> out;
  out.reserve(text.size());
  constexpr size_t kLongest = 32;  // U+FDFA decomposes to 18
  for (size_t i = 0; i < text.size();) {
    const Decoded c = DecodeAt(text, i);
    i += c.size;
    const size_t before = out.size();
    out.resize(before + kLongest);
    int boundary = 0;
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c.value), out.data() + before,
                                               kLongest, options, &boundary);
    if (count < 0 || static_cast<size_t>(count) > kLongest) {
      out[before] = static_cast<utf8proc_int32_t>(c.value);
      out.resize(before + 1);
    } else {
      out.resize(before + static_cast<size_t>(count));
    }
  }
  return out;
}

}  // namespace

Decoded DecodeMultiByte(std::string_view text, size_t position) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[position + i]); };
  const size_t left = text.size() - position;
  const uint8_t lead = byte(0);
  uint8_t low = 0x80, high = 0xBF;  // what the second byte may be
  uint8_t size = 0;
  char32_t value = 0;
  if (lead < 0x80) return {lead, 1, Decoded::kValid};
  if (lead >= 0xC2 && lead <= 0xDF) {
    size = 2, value = lead & 0x1F;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    size = 3, value = lead & 0x0F;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    size = 4, value = lead & 0x07;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {kReplacement, 1, Decoded::kInvalid};
  }
  for (uint8_t i = 1; i < size; ++i) {
    if (i >= left) return {kReplacement, i, Decoded::kIncomplete};
    const uint8_t next = byte(i);
    if (next < low || next > high) return {kReplacement, i, Decoded::kInvalid};
    value = value << 6 | (next & 0x3F);
    low = 0x80, high = 0xBF;
  }
  return {value, size, Decoded::kValid};
}

void AppendUtf8(std::string& out, char32_t c) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  }
}

std::string ToUtf8(char32_t code_point) {
  std::string out;
  AppendUtf8(out, code_point);
  return out;
}

bool IsValidUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const Decoded c = DecodeAt(text, i);
    if (c.status != Decoded::kValid) return false;
    i += c.size;
  }
  return true;
}

std::string ReplaceInvalidUtf8(std::string_view text, Replacing how) {
  std::string out;
  Utf8Assembler assembler(how);
  assembler.Push(text, out);
  assembler.Finish(out);
  return out;
}

void Utf8Assembler::Push(std::string_view bytes, std::string& out) {
  if (!held_.empty()) {
    held_ += bytes;
    bytes = held_;
  }
  size_t copied = 0, i = 0;
  while (i < bytes.size()) {
    const Decoded c = DecodeAt(bytes, i);
    if (c.status == Decoded::kIncomplete) break;
    if (c.status == Decoded::kInvalid) {
      out += bytes.substr(copied, i - copied);
      for (int n = how_ == Replacing::kPerByte ? c.size : 1; n > 0; --n) out += kReplacementUtf8;
      copied = i + c.size;
    }
    i += c.size;
  }
  out += bytes.substr(copied, i - copied);
  held_ = std::string(bytes.substr(i));
}

void Utf8Assembler::Finish(std::string& out) {
  if (held_.empty()) return;
  for (size_t n = how_ == Replacing::kPerByte ? held_.size() : 1; n > 0; --n) out += kReplacementUtf8;
  held_.clear();
}

Category CategoryOf(char32_t c) { return static_cast<Category>(Categories().Find(c)); }

uint8_t ScriptOf(char32_t c) {
  static const PropertyTable table(kScriptRuns, kScriptRunCount, 8);
  return table.Find(c);
}

bool IsWhiteSpace(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool IsNumeric(char32_t c) { return Between(CategoryOf(c), Category::kNd, Category::kNo); }
bool IsMark(char32_t c) { return Between(CategoryOf(c), Category::kMn, Category::kMe); }

bool IsPunctuation(char32_t c) {
  if (c < 0x80)
    return (c > ' ' && c < '0') || (c > '9' && c < 'A') || (c > 'Z' && c < 'a') || (c > 'z' && c < 0x7F);
  return Between(CategoryOf(c), Category::kPc, Category::kPo);
}

bool IsWordCharacter(char32_t c) {
  const Category category = CategoryOf(c);
  if (Between(category, Category::kLu, Category::kNl) || category == Category::kPc) return true;
  const bool circled_letter = (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
                              (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
  return circled_letter || c == 0x200C || c == 0x200D;
}

bool IsOther(char32_t c) { return Between(CategoryOf(c), Category::kCc, Category::kCo); }

bool IsCjkIdeograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

std::string Normalize(std::string_view text, NormalForm form) {
  const bool compose = form == NormalForm::kNfc || form == NormalForm::kNfkc;
  const bool compatibility = form == NormalForm::kNfkc || form == NormalForm::kNfkd;
  // Below U+00A0 nothing ever changes, below U+0300 nothing does under NFC.
  const uint8_t first_changing_lead = form == NormalForm::kNfc ? 0xCC : 0x80;
  if (std::none_of(text.begin(), text.end(),
                   [&](char c) { return static_cast<uint8_t>(c) >= first_changing_lead; }))
    return std::string(text);
  int options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;
  if (compatibility) options |= UTF8PROC_COMPAT;
  std::vector<utf8proc_int32_t> code_points = Decompose(text, static_cast<utf8proc_option_t>(options));
  OrderMarks(code_points);
  if (compose) {
    const auto count =
        utf8proc_normalize_utf32(code_points.data(), static_cast<utf8proc_ssize_t>(code_points.size()),
                                 static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    if (count >= 0) code_points.resize(static_cast<size_t>(count));
  }
  std::string out;
  out.reserve(text.size());
  for (const utf8proc_int32_t c : code_points) AppendUtf8(out, static_cast<char32_t>(c));
  return out;
}

std::string Lowercase(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const Decoded c = DecodeAt(text, i);
    i += c.size;
    if (c.value == 0x130) {
      out += "i\xCC\x87";  // the only character whose lower case is two
    } else {
      AppendUtf8(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c.value))));
    }
  }
  return out;
}

size_t GraphemeEnd(std::string_view text, size_t position) {
  Decoded c = DecodeAt(text, position);
  position += c.size;
  utf8proc_int32_t state = 0;
  while (position < text.size()) {
    const Decoded next = DecodeAt(text, position);
    if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(c.value),
                                         static_cast<utf8proc_int32_t>(next.value), &state))
      break;
    position += next.size;
    c = next;
  }
  return position;
}

}  // namespace sluice::tokenizer
