#include "tokenizer/char_set.h"

#include <utf8proc.h>

#include <algorithm>
#include <string>

#include "tokenizer/unicode_data.h"

namespace sluice::tokenizer {
namespace {

char32_t FoldCase(char32_t c) {
  return static_cast<char32_t>(utf8proc_tolower(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))));
}

// Every character with case variants, as (folded, character), sorted.
const std::vector<std::pair<char32_t, char32_t>>& CaseVariants() {
  static const auto variants = [] {
    std::vector<std::pair<char32_t, char32_t>> out;
    const CharSet letters = CharSet::OfCategories(Category::kLu, Category::kSo);
    for (const auto& [first, last] : letters.ranges())
      for (char32_t c = first; c <= last; ++c)
        if (const char32_t folded = FoldCase(c); folded != c) {
          out.emplace_back(folded, c);
          out.emplace_back(folded, folded);
        }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }();
  return variants;
}

struct NamedCategories {
  std::string_view short_name, long_name;
  Category first, last;
};

constexpr NamedCategories kNamedCategories[] = {
    {"l", "letter", Category::kLu, Category::kLo},
    {"lc", "casedletter", Category::kLu, Category::kLt},
    {"lu", "uppercaseletter", Category::kLu, Category::kLu},
    {"ll", "lowercaseletter", Category::kLl, Category::kLl},
    {"lt", "titlecaseletter", Category::kLt, Category::kLt},
    {"lm", "modifierletter", Category::kLm, Category::kLm},
    {"lo", "otherletter", Category::kLo, Category::kLo},
    {"m", "mark", Category::kMn, Category::kMe},
    {"mn", "nonspacingmark", Category::kMn, Category::kMn},
    {"mc", "spacingmark", Category::kMc, Category::kMc},
    {"me", "enclosingmark", Category::kMe, Category::kMe},
    {"n", "number", Category::kNd, Category::kNo},
    {"nd", "decimalnumber", Category::kNd, Category::kNd},
    {"nl", "letternumber", Category::kNl, Category::kNl},
    {"no", "othernumber", Category::kNo, Category::kNo},
    {"p", "punctuation", Category::kPc, Category::kPo},
    {"pc", "connectorpunctuation", Category::kPc, Category::kPc},
    {"pd", "dashpunctuation", Category::kPd, Category::kPd},
    {"ps", "openpunctuation", Category::kPs, Category::kPs},
    {"pe", "closepunctuation", Category::kPe, Category::kPe},
    {"pi", "initialpunctuation", Category::kPi, Category::kPi},
    {"pf", "finalpunctuation", Category::kPf, Category::kPf},
    {"po", "otherpunctuation", Category::kPo, Category::kPo},
    {"s", "symbol", Category::kSm, Category::kSo},
    {"sm", "mathsymbol", Category::kSm, Category::kSm},
    {"sc", "currencysymbol", Category::kSc, Category::kSc},
    {"sk", "modifiersymbol", Category::kSk, Category::kSk},
    {"so", "othersymbol", Category::kSo, Category::kSo},
    {"z", "separator", Category::kZs, Category::kZp},
    {"zs", "spaceseparator", Category::kZs, Category::kZs},
    {"zl", "lineseparator", Category::kZl, Category::kZl},
    {"zp", "paragraphseparator", Category::kZp, Category::kZp},
    {"cc", "control", Category::kCc, Category::kCc},
    {"cf", "format", Category::kCf, Category::kCf},
    {"cs", "surrogate", Category::kCs, Category::kCs},
    {"co", "privateuse", Category::kCo, Category::kCo},
    {"cn", "unassigned", Category::kCn, Category::kCn},
    {"digit", "digit", Category::kNd, Category::kNd},
    {"punct", "punct", Category::kPc, Category::kPo},
    {"cntrl", "cntrl", Category::kCc, Category::kCc},
};

std::string Plain(std::string_view name) {
  std::string out;
  for (const char c : name)
    if (c != ' ' && c != '_' && c != '-') out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  return out;
}

bool FindScript(std::string_view plain, CharSet& set) {
  for (const std::string_view prefix : {"script=", "sc="})
    if (plain.starts_with(prefix)) plain.remove_prefix(prefix.size());
  for (size_t script = 0; script < kScriptCount; ++script) {
    if (Plain(kScriptNames[script]) != plain) continue;
    for (size_t i = 0; i < kScriptRunCount; ++i)
      if ((kScriptRuns[i] & 0xFF) == script)
        set.Add(kScriptRuns[i] >> 8, i + 1 < kScriptRunCount ? (kScriptRuns[i + 1] >> 8) - 1 : kMaxCodePoint);
    return true;
  }
  return false;
}

bool IsAlphanumeric(char32_t c) {
  const Category category = CategoryOf(c);
  return IsWordCharacter(c) && category != Category::kPc && c != 0x200C && c != 0x200D;
}

}  // namespace

CharSet::CharSet(std::initializer_list<Range> ranges) : ranges_(ranges) { Tidy(); }

CharSet CharSet::Where(bool (*predicate)(char32_t)) {
  CharSet out;
  for (char32_t c = 0; c <= kMaxCodePoint; ++c) {
    if (!predicate(c)) continue;
    char32_t last = c;
    while (last < kMaxCodePoint && predicate(last + 1)) ++last;
    out.ranges_.emplace_back(c, last);
    c = last;
  }
  return out;
}

CharSet CharSet::OfCategories(Category first, Category last) {
  CharSet out;
  for (size_t i = 0; i < kCategoryRunCount; ++i) {
    const auto category = static_cast<Category>(kCategoryRuns[i] & 31);
    if (category < first || category > last) continue;
    out.ranges_.emplace_back(kCategoryRuns[i] >> 5,
                             i + 1 < kCategoryRunCount ? (kCategoryRuns[i + 1] >> 5) - 1 : kMaxCodePoint);
  }
  out.Tidy();
  return out;
}

void CharSet::Tidy() {
  std::sort(ranges_.begin(), ranges_.end());
  size_t kept = 0;
  for (const Range& range : ranges_) {
    if (kept > 0 && range.first <= ranges_[kept - 1].second + 1) {
      ranges_[kept - 1].second = std::max(ranges_[kept - 1].second, range.second);
    } else {
      ranges_[kept++] = range;
    }
  }
  ranges_.resize(kept);
}

void CharSet::Add(char32_t first, char32_t last) {
  if (ranges_.empty() || first > ranges_.back().second + 1) {
    ranges_.emplace_back(first, last);
  } else if (first >= ranges_.back().first) {
    ranges_.back().second = std::max(ranges_.back().second, last);
  } else {
    ranges_.emplace_back(first, last);
    Tidy();
  }
}

void CharSet::Add(const CharSet& other) {
  ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
  Tidy();
}

CharSet CharSet::Complement() const {
  CharSet out;
  char32_t next = 0;
  for (const auto& [first, last] : ranges_) {
    if (first > next) out.ranges_.emplace_back(next, first - 1);
    next = last + 1;
  }
  if (next <= kMaxCodePoint) out.ranges_.emplace_back(next, kMaxCodePoint);
  return out;
}

CharSet CharSet::Intersection(const CharSet& other) const {
  CharSet either = Complement();
  either.Add(other.Complement());
  return either.Complement();
}

CharSet CharSet::CaseClosure() const {
  CharSet out = *this;
  const auto& variants = CaseVariants();
  for (auto group = variants.begin(); group != variants.end();) {
    const auto end =
        std::find_if(group, variants.end(), [&](const auto& v) { return v.first != group->first; });
    if (std::any_of(group, end, [&](const auto& v) { return Contains(v.second); }))
      for (auto v = group; v != end; ++v) out.ranges_.emplace_back(v->second, v->second);
    group = end;
  }
  out.Tidy();
  return out;
}

bool CharSet::Contains(char32_t c) const {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), c,
                                      [](char32_t value, const Range& range) { return value < range.first; });
  return after != ranges_.begin() && std::prev(after)->second >= c;
}

bool FindProperty(std::string_view name, CharSet& set) {
  static const CharSet words = CharSet::Where(IsWordCharacter);
  static const CharSet alphanumerics = CharSet::Where(IsAlphanumeric);
  static const CharSet spaces = CharSet::Where(IsWhiteSpace);
  const std::string plain = Plain(name);
  set = CharSet();
  if (plain == "any") {
    set.Add(0, kMaxCodePoint);
  } else if (plain == "assigned") {
    set = CharSet::OfCategories(Category::kCn, Category::kCn).Complement();
  } else if (plain == "ascii") {
    set.Add(0, 0x7F);
  } else if (plain == "l&") {
    set = CharSet::OfCategories(Category::kLu, Category::kLt);
  } else if (plain == "c" || plain == "other") {
    set = CharSet::OfCategories(Category::kCc, Category::kCo);
    set.Add(CharSet::OfCategories(Category::kCn, Category::kCn));
  } else if (plain == "whitespace" || plain == "space") {
    set = spaces;
  } else if (plain == "blank") {
    set = CharSet::OfCategories(Category::kZs, Category::kZs);
    set.Add('\t', '\t');
  } else if (plain == "word") {
    set = words;
  } else if (plain == "alnum") {
    set = alphanumerics;
  } else if (plain == "xdigit") {
    set = CharSet{{'0', '9'}, {'A', 'F'}, {'a', 'f'}};
  } else {
    for (const NamedCategories& named : kNamedCategories) {
      if (plain != named.short_name && plain != named.long_name) continue;
      set = CharSet::OfCategories(named.first, named.last);
      return true;
    }
    return FindScript(plain, set);
  }
  return true;
}

CharBitmap::CharBitmap(const CharSet& set) {
  pages_.push_back({0, 0, 0, 0});
  pages_.push_back({~0ull, ~0ull, ~0ull, ~0ull});
  for (const auto& [first, last] : set.ranges()) {
    for (char32_t c = first; c <= last;) {
      const char32_t page_number = c >> 8;
      const char32_t page_end = std::min<char32_t>(last, (page_number << 8) + 255);
      if (c == page_number << 8 && page_end == (page_number << 8) + 255) {
        index_[page_number] = 1;
      } else {
        if (index_[page_number] == 0) {
          index_[page_number] = static_cast<uint16_t>(pages_.size());
          pages_.push_back({0, 0, 0, 0});
        }
        Page& page = pages_[index_[page_number]];
        for (char32_t i = c; i <= page_end; ++i) page[(i >> 6) & 3] |= 1ull << (i & 63);
      }
      c = page_end + 1;
    }
  }
}

}  // namespace sluice::tokenizer
