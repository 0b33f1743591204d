#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "tokenizer/regex_ast.h"

namespace sluice::tokenizer {
namespace {

constexpr int kMaxDepth = 100;
constexpr int kMaxRepeat = 1000;
constexpr int kMaxStackedQuantifiers = 8;
constexpr size_t kMaxPatternBytes = 16384;

struct Flags {
  bool ignore_case = false;
  bool dot_matches_newline = false;
  bool multi_line = false;  // kRust only: ^ and $ match at lines
  bool extended = false;    // white space and comments do not count
};

RegexNodePtr NewNode(RegexNode::Kind kind) {
  auto node = std::make_unique<RegexNode>();
  node->kind = kind;
  return node;
}

class Parser {
 public:
  Parser(std::string_view pattern, RegexDialect dialect) : pattern_(pattern), dialect_(dialect) {}

  Result<RegexNodePtr> Parse() {
    SLUICE_TRY(RegexNodePtr node, Alternatives(Flags(), 0));
    if (!AtEnd()) return Wrong("')' closes nothing");
    return node;
  }

 private:
  bool AtEnd() const { return at_ >= pattern_.size(); }
  char Peek(size_t ahead = 0) const { return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : '\0'; }
  bool Take(std::string_view text) {
    if (!pattern_.substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }
  char32_t TakeChar() {
    const Decoded c = DecodeAt(pattern_, at_);
    at_ += c.size;
    return c.value;
  }
  tl::unexpected<Error> Wrong(std::string_view what) const {
    return Fail(ErrorCode::kBadFile,
                fmt::format("expression of {} bytes, at byte {}: {}", pattern_.size(), at_, what),
                "the expression is outside what this program supports, or damaged");
  }

  Result<RegexNodePtr> Alternatives(Flags flags, int depth);
  Result<RegexNodePtr> Sequence(Flags& flags, int depth);
  Result<RegexNodePtr> Atom(Flags& flags, int depth);
  Result<RegexNodePtr> Group(Flags& flags, int depth);
  Result<RegexNodePtr> FlagGroup(Flags& flags, int depth);
  Result<RegexNodePtr> Escape(const Flags& flags);
  Result<RegexNodePtr> Quantified(RegexNodePtr atom, const Flags& flags);
  bool TakeInterval(int& minimum, int& maximum);
  void SkipExtended(const Flags& flags);

  Result<CharSet> Class(const Flags& flags, int depth);
  Result<CharSet> ClassItems(const Flags& flags, int depth);
  std::optional<CharSet> ClassEscape(char32_t letter);
  Result<CharSet> Property(bool negative);
  Result<char32_t> CharEscape(char32_t letter);
  Result<char32_t> Hex(size_t least, size_t most, bool braces);

  RegexNodePtr SetNode(CharSet set, const Flags& flags) const {
    auto node = NewNode(RegexNode::kSet);
    node->set = flags.ignore_case ? set.CaseClosure() : std::move(set);
    return node;
  }
  RegexNodePtr AssertNode(RegexNode::Assertion assertion) const {
    auto node = NewNode(RegexNode::kAssert);
    node->assertion = assertion;
    return node;
  }

  std::string_view pattern_;
  RegexDialect dialect_;
  size_t at_ = 0;
};

Result<RegexNodePtr> Parser::Alternatives(Flags flags, int depth) {
  if (depth > kMaxDepth) return Wrong(fmt::format("groups are nested more than {} deep", kMaxDepth));
  SLUICE_TRY(RegexNodePtr first, Sequence(flags, depth));
  if (Peek() != '|' || AtEnd()) return first;
  auto node = NewNode(RegexNode::kAlternatives);
  node->children.push_back(std::move(first));
  while (Take("|")) {
    SLUICE_TRY(RegexNodePtr next, Sequence(flags, depth));
    node->children.push_back(std::move(next));
  }
  return node;
}

Result<RegexNodePtr> Parser::Sequence(Flags& flags, int depth) {
  auto node = NewNode(RegexNode::kSequence);
  while (true) {
    SkipExtended(flags);
    if (AtEnd() || Peek() == '|' || Peek() == ')') break;
    SLUICE_TRY(RegexNodePtr atom, Atom(flags, depth));
    SLUICE_TRY(RegexNodePtr item, Quantified(std::move(atom), flags));
    node->children.push_back(std::move(item));
  }
  return node;
}

void Parser::SkipExtended(const Flags& flags) {
  if (!flags.extended) return;
  while (!AtEnd()) {
    if (Peek() == '#') {
      while (!AtEnd() && Peek() != '\n') ++at_;
    } else if (Peek() == ' ' || (Peek() >= '\t' && Peek() <= '\r')) {
      ++at_;
    } else {
      return;
    }
  }
}

Result<RegexNodePtr> Parser::Atom(Flags& flags, int depth) {
  const bool ruby = dialect_ == RegexDialect::kOniguruma;
  switch (Peek()) {
    case '(':
      ++at_;
      return Group(flags, depth);
    case '[': {
      ++at_;
      SLUICE_TRY(CharSet set, Class(flags, depth));
      return SetNode(std::move(set), flags);
    }
    case '\\':
      ++at_;
      return Escape(flags);
    case '.':
      ++at_;
      if (flags.dot_matches_newline) return SetNode(CharSet{{0, kMaxCodePoint}}, Flags());
      return SetNode(dialect_ == RegexDialect::kCommon
                         ? CharSet{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}.Complement()
                         : CharSet::Of('\n').Complement(),
                     Flags());
    case '^':
      ++at_;
      return AssertNode(ruby || flags.multi_line ? RegexNode::kLineStart : RegexNode::kTextStart);
    case '$':
      ++at_;
      return AssertNode(ruby || flags.multi_line ? RegexNode::kLineEnd : RegexNode::kTextEnd);
    case '*':
    case '+':
    case '?':
      return Wrong("a quantifier has nothing to repeat");
    default:
      return SetNode(CharSet::Of(TakeChar()), flags);
  }
}

Result<RegexNodePtr> Parser::Group(Flags& flags, int depth) {
  RegexNode::Kind kind = RegexNode::kSequence;
  bool negative = false;
  if (Take("?:")) {
  } else if (Take("?=")) {
    kind = RegexNode::kLookAhead;
  } else if (Take("?!")) {
    kind = RegexNode::kLookAhead, negative = true;
  } else if (Take("?<=")) {
    kind = RegexNode::kLookBehind;
  } else if (Take("?<!")) {
    kind = RegexNode::kLookBehind, negative = true;
  } else if (Take("?>")) {
    kind = RegexNode::kAtomic;
  } else if (Take("?#")) {
    while (!AtEnd() && Peek() != ')') ++at_;
    if (!Take(")")) return Wrong("a comment is not closed");
    return NewNode(RegexNode::kEmpty);
  } else if (Take("?<") || Take("?P<")) {
    while (!AtEnd() && Peek() != '>') ++at_;
    if (!Take(">")) return Wrong("a group's name is not closed");
  } else if (Take("?")) {
    return FlagGroup(flags, depth);
  }
  SLUICE_TRY(RegexNodePtr body, Alternatives(flags, depth + 1));
  if (!Take(")")) return Wrong("a group is not closed");
  if (kind == RegexNode::kSequence) return body;
  auto node = NewNode(kind);
  node->negative = negative;
  node->children.push_back(std::move(body));
  return node;
}

// After "(?": "i)" changes the rest of the group, "i:...)" holds inside.
Result<RegexNodePtr> Parser::FlagGroup(Flags& flags, int depth) {
  Flags changed = flags;
  bool value = true;
  for (; !AtEnd() && Peek() != ')' && Peek() != ':'; ++at_) {
    switch (Peek()) {
      case '-':
        value = false;
        break;
      case 'i':
        changed.ignore_case = value;
        break;
      case 'x':
        changed.extended = value;
        break;
      case 's':
        changed.dot_matches_newline = value;
        break;
      case 'm':
        (dialect_ == RegexDialect::kOniguruma ? changed.dot_matches_newline : changed.multi_line) = value;
        break;
      case 'u':
        break;
      default:
        return Wrong("an unknown kind of group");
    }
  }
  if (Take(")")) {
    flags = changed;
    return NewNode(RegexNode::kEmpty);
  }
  if (!Take(":")) return Wrong("a group is not closed");
  SLUICE_TRY(RegexNodePtr body, Alternatives(changed, depth + 1));
  if (!Take(")")) return Wrong("a group is not closed");
  return body;
}

Result<RegexNodePtr> Parser::Escape(const Flags& flags) {
  if (AtEnd()) return Wrong("a backslash ends the expression");
  const char32_t letter = TakeChar();
  switch (letter) {
    case 'b':
      return AssertNode(RegexNode::kWordBoundary);
    case 'B':
      return AssertNode(RegexNode::kNoWordBoundary);
    case 'A':
      return AssertNode(RegexNode::kTextStart);
    case 'z':
      return AssertNode(RegexNode::kTextEnd);
    case 'Z':
      return AssertNode(RegexNode::kTextEndOrLastLine);
    case 'p':
    case 'P': {
      SLUICE_TRY(CharSet set, Property(letter == 'P'));
      return SetNode(std::move(set), flags);
    }
    default:
      break;
  }
  if (std::optional<CharSet> set = ClassEscape(letter)) return SetNode(std::move(*set), flags);
  SLUICE_TRY(const char32_t c, CharEscape(letter));
  return SetNode(CharSet::Of(c), flags);
}

bool Parser::TakeInterval(int& minimum, int& maximum) {
  const size_t start = at_;
  const auto number = [&](int& value) {
    const size_t first = at_;
    value = 0;
    for (; Peek() >= '0' && Peek() <= '9' && !AtEnd(); ++at_)
      value = std::min(value * 10 + (Peek() - '0'), 1000000);
    return at_ > first;
  };
  ++at_;
  const bool has_minimum = number(minimum);
  if (Take("}")) {
    maximum = minimum;
    if (has_minimum) return true;
  } else if (Take(",")) {
    const bool has_maximum = number(maximum);
    if (!has_maximum) maximum = RegexNode::kUnbounded;
    if (Take("}") && (has_minimum || (has_maximum && dialect_ == RegexDialect::kOniguruma))) return true;
  }
  at_ = start;
  return false;
}

Result<RegexNodePtr> Parser::Quantified(RegexNodePtr atom, const Flags& flags) {
  for (int stacked = 0;; ++stacked) {
    SkipExtended(flags);
    int minimum = 0, maximum = RegexNode::kUnbounded;
    bool interval = false;
    if (AtEnd()) return atom;
    if (Take("+")) {
      minimum = 1;
    } else if (Take("?")) {
      maximum = 1;
    } else if (Peek() == '{') {
      interval = TakeInterval(minimum, maximum);
      if (!interval) return atom;
    } else if (!Take("*")) {
      return atom;
    }
    if (minimum > kMaxRepeat || maximum > kMaxRepeat)
      return Wrong(fmt::format("a repeat count is over {}", kMaxRepeat));
    if (stacked >= kMaxStackedQuantifiers) return Wrong("too many quantifiers follow one another");
    if (maximum != RegexNode::kUnbounded && maximum < minimum) return Wrong("a repeat's bounds are reversed");
    auto node = NewNode(RegexNode::kRepeat);
    node->minimum = minimum;
    node->maximum = maximum;
    const bool ruby_interval = interval && dialect_ == RegexDialect::kOniguruma;
    if (!(ruby_interval && minimum == maximum) && Take("?")) {
      node->greed = RegexNode::kLazy;
    } else if (!ruby_interval && Take("+")) {
      node->greed = RegexNode::kPossessive;
    }
    node->children.push_back(std::move(atom));
    atom = std::move(node);
  }
}

// After "[".
Result<CharSet> Parser::Class(const Flags& flags, int depth) {
  if (depth > kMaxDepth) return Wrong(fmt::format("classes are nested more than {} deep", kMaxDepth));
  const bool negative = Take("^");
  SLUICE_TRY(CharSet set, ClassItems(flags, depth));
  while (Take("&&")) {
    SLUICE_TRY(const CharSet other, ClassItems(flags, depth));
    set = set.Intersection(other);
  }
  if (!Take("]")) return Wrong("a class is not closed");
  if (flags.ignore_case) set = set.CaseClosure();
  return negative ? set.Complement() : set;
}

// Items up to "]" or "&&".
Result<CharSet> Parser::ClassItems(const Flags& flags, int depth) {
  CharSet set;
  for (bool first = true; !AtEnd() && (Peek() != ']' || first) && !pattern_.substr(at_).starts_with("&&");
       first = false) {
    if (Take("[:")) {
      const bool negative = Take("^");
      const size_t close = pattern_.find(":]", at_);
      CharSet named;
      if (close == std::string_view::npos || !FindProperty(pattern_.substr(at_, close - at_), named))
        return Wrong("an unknown class in [: :]");
      at_ = close + 2;
      set.Add(negative ? named.Complement() : named);
      continue;
    }
    if (Take("[")) {
      SLUICE_TRY(const CharSet nested, Class(flags, depth + 1));
      set.Add(nested);
      continue;
    }
    char32_t low = TakeChar();
    if (low == '\\') {
      if (AtEnd()) return Wrong("a backslash ends the expression");
      const char32_t letter = TakeChar();
      if (letter == 'p' || letter == 'P') {
        SLUICE_TRY(const CharSet property, Property(letter == 'P'));
        set.Add(property);
        continue;
      }
      if (const std::optional<CharSet> escaped = ClassEscape(letter)) {
        set.Add(*escaped);
        continue;
      }
      SLUICE_TRY(low, letter == 'b' ? Result<char32_t>(8) : CharEscape(letter));
    }
    char32_t high = low;
    if (Peek() == '-' && Peek(1) != ']' && at_ + 1 < pattern_.size()) {
      ++at_;
      high = TakeChar();
      if (high == '\\' && !AtEnd()) {
        SLUICE_TRY(high, CharEscape(TakeChar()));
      }
      if (high < low) return Wrong("a range in a class is reversed");
    }
    set.Add(low, high);
  }
  return set;
}

std::optional<CharSet> Parser::ClassEscape(char32_t letter) {
  static const CharSet words = CharSet::Where(IsWordCharacter);
  static const CharSet spaces = CharSet::Where(IsWhiteSpace);
  // `ascii`: the members in every dialect.
  const auto pick = [&](const CharSet& set, CharSet ascii, bool complement) {
    if (complement) return set.Complement();
    return dialect_ == RegexDialect::kCommon ? std::move(ascii) : set;
  };
  switch (letter) {
    case 'd':
    case 'D':
      return pick(CharSet::OfCategories(Category::kNd, Category::kNd), CharSet{{'0', '9'}}, letter == 'D');
    case 'w':
    case 'W':
      return pick(words, CharSet{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}, letter == 'W');
    case 's':
    case 'S':
      return pick(spaces, CharSet{{'\t', '\r'}, {' ', ' '}}, letter == 'S');
    case 'h':
    case 'H':
      if (dialect_ != RegexDialect::kOniguruma) return std::nullopt;
      {
        const CharSet digits{{'0', '9'}, {'A', 'F'}, {'a', 'f'}};
        return pick(digits, digits, letter == 'H');
      }
    default:
      return std::nullopt;
  }
}

// After "\p" or "\P": "{name}", "{^name}" or one letter.
Result<CharSet> Parser::Property(bool negative) {
  if (AtEnd()) return Wrong("a property has no name");
  std::string_view name;
  if (Take("{")) {
    if (Take("^")) negative = !negative;
    const size_t close = pattern_.find('}', at_);
    if (close == std::string_view::npos) return Wrong("a property's name is not closed");
    name = pattern_.substr(at_, close - at_);
    at_ = close + 1;
  } else {
    name = pattern_.substr(at_, 1);
    ++at_;
  }
  CharSet set;
  if (!FindProperty(name, set)) return Wrong("an unknown property of characters");
  return negative ? set.Complement() : set;
}

Result<char32_t> Parser::CharEscape(char32_t letter) {
  switch (letter) {
    case 'n':
      return U'\n';
    case 'r':
      return U'\r';
    case 't':
      return U'\t';
    case 'f':
      return U'\f';
    case 'v':
      return U'\v';
    case 'a':
      return U'\a';
    case 'e':
      return char32_t{0x1B};
    case '0':
      return char32_t{0};
    case 'x':
      return Hex(1, 2, true);
    case 'u':
      return Hex(4, 4, true);
    default:
      break;
  }
  const bool alphanumeric = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                            (letter >= '0' && letter <= '9');
  if (alphanumeric) return Wrong("an escape that is not supported");
  return letter;
}

Result<char32_t> Parser::Hex(size_t least, size_t most, bool braces) {
  const bool braced = braces && Take("{");
  if (braced) least = 1, most = 6;
  char32_t value = 0;
  size_t digits = 0;
  for (; digits < most && !AtEnd(); ++digits, ++at_) {
    const char c = Peek();
    if (c >= '0' && c <= '9') {
      value = value * 16 + static_cast<char32_t>(c - '0');
    } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
      value = value * 16 + static_cast<char32_t>((c | 32) - 'a' + 10);
    } else {
      break;
    }
  }
  if (digits < least || value > kMaxCodePoint || (braced && !Take("}")))
    return Wrong("a hexadecimal escape is wrong");
  return value;
}

}  // namespace

Result<RegexNodePtr> ParseRegex(std::string_view pattern, RegexDialect dialect) {
  if (pattern.size() > kMaxPatternBytes)
    return Fail(ErrorCode::kBadFile,
                fmt::format("expression has {} bytes, the limit is {}", pattern.size(), kMaxPatternBytes));
  if (!IsValidUtf8(pattern)) return Fail(ErrorCode::kBadFile, "expression is not valid UTF-8");
  return Parser(pattern, dialect).Parse();
}

}  // namespace sluice::tokenizer
