#include "constrain/gbnf.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <unordered_map>

#include "tokenizer/unicode.h"

namespace sluice::constrain {
namespace {

using tokenizer::CharSet;

constexpr int kMaxDepth = 200;
constexpr uint32_t kMaxRepeat = 1'000'000;
constexpr size_t kMaxBytes = 1 << 20;

class Parser {
 public:
  Parser(std::string_view text, const FindToken& find_token, int32_t vocabulary)
      : text_(text), find_token_(find_token), vocabulary_(vocabulary) {}

  Result<Grammar> Parse() {
    Skip(true);
    while (!AtEnd()) SLUICE_CHECK_OK(Rule());
    const auto root = rules_.find("root");
    if (root == rules_.end() || !grammar_.rules()[root->second].defined)
      return Fail(ErrorCode::kUsage, "the grammar has no rule 'root', with which an answer begins");
    for (const auto& rule : grammar_.rules())
      if (!rule.defined)
        return Fail(ErrorCode::kUsage, fmt::format("the grammar uses the rule '{}', which it does not define",
                                                   rule.name.substr(0, 100)));
    grammar_.SetRoot(root->second);
    return std::move(grammar_);
  }

 private:
  std::string_view text_;
  const FindToken& find_token_;
  const int32_t vocabulary_;
  size_t at_ = 0;
  Grammar grammar_;
  std::unordered_map<std::string, RuleId> rules_;

  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool Take(std::string_view what) {
    if (!text_.substr(at_).starts_with(what)) return false;
    at_ += what.size();
    return true;
  }
  tl::unexpected<Error> Wrong(std::string_view what) const {
    const auto line = 1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_), '\n');
    return Fail(ErrorCode::kUsage,
                fmt::format("the grammar is wrong in line {} (byte {}): {}", line, at_, what));
  }

  // Spaces and comments; line ends where `lines`.
  void Skip(bool lines) {
    while (!AtEnd()) {
      if (Peek() == '#') {
        while (!AtEnd() && Peek() != '\n' && Peek() != '\r') ++at_;
      } else if (Peek() == ' ' || Peek() == '\t' || (lines && (Peek() == '\n' || Peek() == '\r'))) {
        ++at_;
      } else {
        return;
      }
    }
  }

  static bool IsNamePart(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  }
  std::string_view Name() {
    const size_t begin = at_;
    while (!AtEnd() && IsNamePart(Peek())) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  RuleId RuleOf(std::string_view name) {
    const auto [at, added] = rules_.try_emplace(std::string(name), 0);
    if (added) at->second = grammar_.AddRule(std::string(name));
    return at->second;
  }

  Status Rule() {
    const std::string_view name = Name();
    if (name.empty()) return Wrong("a rule's name is expected");
    const RuleId rule = RuleOf(name);
    if (grammar_.rules()[rule].defined) return Wrong(fmt::format("the rule '{}' is defined twice", name));
    Skip(false);
    if (!Take("::=")) return Wrong("'::=' is expected behind a rule's name");
    Skip(true);
    SLUICE_TRY(const ExpressionId body, Alternatives(0));
    grammar_.Define(rule, body);
    if (!AtEnd() && Peek() != '\n' && Peek() != '\r') return Wrong("the line goes on behind the rule");
    Skip(true);
    return {};
  }

  Result<ExpressionId> Alternatives(int depth) {
    if (depth > kMaxDepth) return Wrong(fmt::format("groups are nested more than {} deep", kMaxDepth));
    std::vector<ExpressionId> alternatives;
    do {
      Skip(true);
      SLUICE_TRY(const ExpressionId one, Sequence(depth));
      alternatives.push_back(one);
      if (depth > 0) Skip(true);
    } while (Take("|"));
    return grammar_.Alternatives(std::move(alternatives));
  }

  Result<ExpressionId> Sequence(int depth) {
    std::vector<ExpressionId> items;
    for (;;) {
      Skip(depth > 0);
      const char c = Peek();
      const bool begins =
          c == '"' || c == '[' || c == '(' || c == '.' || c == '<' || c == '!' || IsNamePart(c);
      if (AtEnd() || !begins) break;
      SLUICE_TRY(const ExpressionId item, Item(depth));
      SLUICE_TRY(const ExpressionId repeated, Repeated(item));
      items.push_back(repeated);
    }
    return grammar_.Sequence(std::move(items));
  }

  Result<ExpressionId> Item(int depth) {
    if (Peek() == '"') return Literal();
    if (Take("[")) return Class();
    if (Take(".")) return grammar_.Chars(CharSet{{0, tokenizer::kMaxCodePoint}});
    if (Peek() == '<') return Token();
    if (Peek() == '!') return Wrong("tokens that may not follow (!<...>) are not supported here");
    if (Take("(")) {
      SLUICE_TRY(const ExpressionId group, Alternatives(depth + 1));
      Skip(true);
      if (!Take(")")) return Wrong("a group is not closed");
      return group;
    }
    return grammar_.Rule(RuleOf(Name()));
  }

  Result<ExpressionId> Token() {
    const size_t close = text_.find('>', at_);
    if (close == std::string_view::npos) return Wrong("a token is not closed");
    const std::string_view name = text_.substr(at_, close + 1 - at_);
    std::optional<int32_t> id;
    if (name.starts_with("<[") && name.ends_with("]>")) {
      int64_t number = name.size() > 4 ? 0 : -1;
      for (const char c : name.substr(2, name.size() - 4))
        number =
            c < '0' || c > '9' || number < 0 ? -1 : std::min<int64_t>(number * 10 + (c - '0'), INT32_MAX);
      if (number >= 0 && number < vocabulary_) id = static_cast<int32_t>(number);
    } else {
      id = find_token_(name);
    }
    if (!id) return Wrong(fmt::format("the vocabulary has no token {}", name.substr(0, 100)));
    at_ = close + 1;
    return grammar_.Token(*id);
  }

  Result<char32_t> Hex(int digits) {
    char32_t value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const char c = Peek();
      const size_t digit =
          std::string_view("0123456789abcdef").find(static_cast<char>(c | (c >= 'A' ? 32 : 0)));
      if (AtEnd() || digit == std::string_view::npos) return Wrong("hexadecimal digits are missing");
      value = value * 16 + static_cast<char32_t>(digit);
    }
    if (value > tokenizer::kMaxCodePoint || (value >= 0xD800 && value < 0xE000))
      return Wrong("this is no character");
    return value;
  }

  Result<char32_t> Char() {
    if (AtEnd()) return Wrong("the text ends too early");
    if (!Take("\\")) {
      const auto c = tokenizer::DecodeAt(text_, at_);
      if (c.status != tokenizer::Decoded::kValid) return Wrong("the grammar is not valid UTF-8");
      at_ += c.size;
      return c.value;
    }
    const char letter = Peek();
    ++at_;
    switch (letter) {
      case 'n':
        return U'\n';
      case 'r':
        return U'\r';
      case 't':
        return U'\t';
      case 'x':
        return Hex(2);
      case 'u':
        return Hex(4);
      case 'U':
        return Hex(8);
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^':
        return static_cast<char32_t>(letter);
      default:
        --at_;
        return Wrong("an unknown escape");
    }
  }

  Result<ExpressionId> Literal() {
    ++at_;
    std::string bytes;
    while (!AtEnd() && Peek() != '"') {
      SLUICE_TRY(const char32_t c, Char());
      tokenizer::AppendUtf8(bytes, c);
    }
    if (!Take("\"")) return Wrong("a literal is not closed");
    return grammar_.Bytes(bytes);
  }

  Result<ExpressionId> Class() {
    const bool negative = Take("^");
    std::vector<CharSet::Range> ranges;
    while (!AtEnd() && Peek() != ']') {
      SLUICE_TRY(const char32_t first, Char());
      char32_t last = first;
      if (Peek() == '-' && Peek(1) != ']') {
        ++at_;
        SLUICE_TRY(last, Char());
      }
      if (last < first) return Wrong("a range is reversed");
      ranges.emplace_back(first, last);
    }
    if (!Take("]")) return Wrong("a class is not closed");
    std::ranges::sort(ranges);  // in their order they are added at once
    CharSet set;
    for (const auto& [first, last] : ranges) set.Add(first, last);
    return grammar_.Chars(negative ? set.Complement() : std::move(set));
  }

  Result<uint32_t> Number() {
    if (Peek() < '0' || Peek() > '9') return Wrong("a number is expected");
    uint64_t number = 0;
    for (; Peek() >= '0' && Peek() <= '9'; ++at_)
      number = std::min<uint64_t>(number * 10 + static_cast<uint64_t>(Peek() - '0'), kUnbounded - 1);
    if (number > kMaxRepeat) return Wrong(fmt::format("a repeat count is over {}", kMaxRepeat));
    return static_cast<uint32_t>(number);
  }

  Result<ExpressionId> Repeated(ExpressionId item) {
    for (int stacked = 0;; ++stacked) {
      if (stacked > 8) return Wrong("too many repetitions follow one another");
      if (Take("*")) {
        item = grammar_.Repeat(item, 0);
      } else if (Take("+")) {
        item = grammar_.Repeat(item, 1);
      } else if (Take("?")) {
        item = grammar_.Optional(item);
      } else if (Take("{")) {
        Skip(false);
        SLUICE_TRY(const uint32_t minimum, Number());
        uint32_t maximum = minimum;
        Skip(false);
        if (Take(",")) {
          Skip(false);
          maximum = kUnbounded;
          if (Peek() != '}') {
            SLUICE_TRY(maximum, Number());
            Skip(false);
          }
        }
        if (!Take("}")) return Wrong("a repeat count is not closed");
        if (maximum < minimum) return Wrong("a repeat's bounds are reversed");
        item = grammar_.Repeat(item, minimum, maximum);
      } else {
        return item;
      }
    }
  }
};

}  // namespace

Result<Grammar> ParseGbnf(std::string_view text, const FindToken& find_token, int32_t vocabulary) {
  if (text.size() > kMaxBytes)
    return Fail(ErrorCode::kUsage,
                fmt::format("the grammar has {} bytes, the limit is {}", text.size(), kMaxBytes));
  return Parser(text, find_token, vocabulary).Parse();
}

}  // namespace sluice::constrain
