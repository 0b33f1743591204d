#include "chat/jinja/lexer.h"

#include <fmt/format.h>

#include <algorithm>

#include "chat/jinja/error.h"
#include "chat/jinja/unicode.h"

namespace sluice::chat::jinja {
namespace {

// Line ends become \n; one at the very end is dropped.
std::string NormalizeNewlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
      continue;
    }
    out += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

bool IsAsciiDigit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : text_(NormalizeNewlines(source)) {}

  std::vector<Token> Run() {
    while (position_ < text_.size()) ReadTextAndTag();
    Emit(TokenKind::kEnd, {});
    return std::move(tokens_);
  }

 private:
  std::string text_;
  size_t position_ = 0;
  int line_ = 1;
  size_t counted_ = 0;  // line_ is the line of this offset
  std::vector<Token> tokens_;

  [[noreturn]] void Fail(std::string message) {
    CountLines();
    throw Failure(FailureKind::kSyntax, std::move(message), line_);
  }

  void CountLines() {
    line_ += static_cast<int>(
        std::count(text_.begin() + static_cast<ptrdiff_t>(counted_),
                   text_.begin() + static_cast<ptrdiff_t>(std::max(counted_, position_)), '\n'));
    counted_ = std::max(counted_, position_);
  }

  void Emit(TokenKind kind, std::string text) {
    CountLines();
    tokens_.push_back({kind, std::move(text), line_});
  }

  bool At(std::string_view expected) const { return At(position_, expected); }
  bool At(size_t position, std::string_view expected) const {
    return std::string_view(text_).substr(std::min(position, text_.size())).starts_with(expected);
  }
  size_t SkipSpace(size_t position) const {
    while (position < text_.size()) {
      size_t next = position;
      if (!IsSpace(NextChar(text_, next))) break;
      position = next;
    }
    return position;
  }

  // `data` stands before a tag with `sign` (- + or 0). A variable's tag never loses its indentation.
  void EmitData(std::string_view data, bool line_starting, char sign, bool variable) {
    if (sign == '-') {
      data = StripRight(data);
    } else if (sign != '+' && !variable) {
      const size_t newline = data.rfind('\n');
      const size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
      if ((begin > 0 || line_starting) && StripLeft(data.substr(begin)).empty()) data = data.substr(0, begin);
    }
    if (!data.empty()) Emit(TokenKind::kData, std::string(data));
  }

  bool LineStarting() const { return position_ == 0 || text_[position_ - 1] == '\n'; }

  char SignAt(size_t position) const {
    if (position >= text_.size()) return 0;
    return text_[position] == '-' || text_[position] == '+' ? text_[position] : 0;
  }

  void ReadTextAndTag() {
    size_t open = text_.find('{', position_);
    while (open != std::string::npos && !At(open, "{%") && !At(open, "{{") && !At(open, "{#"))
      open = text_.find('{', open + 1);
    if (open == std::string::npos) {
      EmitDataAsIs(text_.size());
      return;
    }
    const char sign = SignAt(open + 2);
    const char kind = text_[open + 1];
    EmitData(std::string_view(text_).substr(position_, open - position_), LineStarting(), sign, kind == '{');
    position_ = open;
    if (kind == '%' && ReadRaw(open + 2 + (sign != 0))) return;
    CountLines();
    position_ = open + 2 + (sign != 0);
    if (kind == '#') {
      SkipComment();
    } else {
      Emit(kind == '{' ? TokenKind::kVariableBegin : TokenKind::kBlockBegin, {});
      ReadTag(kind == '{');
    }
  }

  void EmitDataAsIs(size_t end) {
    Emit(TokenKind::kData, text_.substr(position_, end - position_));
    position_ = end;
  }

  void SkipComment() {
    const size_t begin = position_;
    const size_t close = text_.find("#}", begin);
    if (close == std::string::npos) Fail("Missing end of comment tag");
    const char sign = close > begin ? SignAt(close - 1) : 0;
    position_ = AfterTag(close + 2, sign);
  }

  // Where the text goes on behind a closing block or comment tag.
  size_t AfterTag(size_t end, char sign) const {
    if (sign == '-') return SkipSpace(end);
    if (sign == 0 && At(end, "\n")) return end + 1;
    return end;
  }

  // `{% raw %} ... {% endraw %}`; `position` is behind the opening sign.
  bool ReadRaw(size_t position) {
    position = SkipSpace(position);
    if (!At(position, "raw")) return false;
    position = SkipSpace(position + 3);
    if (At(position, "-%}"))
      position = SkipSpace(position + 3);
    else if (At(position, "%}"))
      position += 2;
    else
      return false;
    position_ = position;
    for (size_t open = text_.find("{%", position); open != std::string::npos;
         open = text_.find("{%", open + 2)) {
      const char sign = SignAt(open + 2);
      size_t at = SkipSpace(open + 2 + (sign != 0));
      if (!At(at, "endraw")) continue;
      at = SkipSpace(at + 6);
      const char end_sign = SignAt(at);
      if (!At(at + (end_sign != 0), "%}")) continue;
      EmitData(std::string_view(text_).substr(position_, open - position_), LineStarting(), sign, false);
      position_ = AfterTag(at + (end_sign != 0) + 2, end_sign);
      return true;
    }
    Fail("Missing end of raw directive");
  }

  // The inside of {{ }} or {% %}.
  void ReadTag(bool variable) {
    std::string open_brackets;
    while (true) {
      position_ = SkipSpace(position_);
      if (position_ >= text_.size()) return;  // the parser says what is missing
      if (open_brackets.empty() && ReadTagEnd(variable)) return;
      const char c = text_[position_];
      if (IsAsciiDigit(c))
        ReadNumber();
      else if (c == '\'' || c == '"')
        ReadString();
      else if (!ReadName())
        ReadOperator(open_brackets);
    }
  }

  bool ReadTagEnd(bool variable) {
    const std::string_view close = variable ? "}}" : "%}";
    char sign = SignAt(position_);
    if (variable && sign == '+') sign = 0;
    if (!At(position_ + (sign != 0), close)) return false;
    Emit(variable ? TokenKind::kVariableEnd : TokenKind::kBlockEnd, {});
    const size_t end = position_ + (sign != 0) + 2;
    position_ = variable ? (sign == '-' ? SkipSpace(end) : end) : AfterTag(end, sign);
    return true;
  }

  bool ReadName() {
    size_t end = position_;
    while (end < text_.size()) {
      size_t next = end;
      if (!IsWord(NextChar(text_, next))) break;
      end = next;
    }
    if (end == position_) return false;
    Emit(TokenKind::kName, text_.substr(position_, end - position_));
    position_ = end;
    return true;
  }

  // Digits with single underscores between them, from `position`; returns the end.
  template <typename IsDigitOfBase>
  size_t Digits(size_t position, IsDigitOfBase is_digit) const {
    size_t end = position;
    while (end < text_.size()) {
      const size_t digit = end > position && text_[end] == '_' ? end + 1 : end;
      if (digit >= text_.size() || !is_digit(text_[digit])) break;
      end = digit + 1;
    }
    return end;
  }

  void EmitNumber(TokenKind kind, size_t end) {
    std::string digits = text_.substr(position_, end - position_);
    std::erase(digits, '_');
    Emit(kind, std::move(digits));
    position_ = end;
  }

  void ReadNumber() {
    const size_t whole = Digits(position_, IsAsciiDigit);
    const bool behind_dot = position_ > 0 && text_[position_ - 1] == '.';
    size_t end = whole;
    if (!behind_dot && At(whole, ".") && whole + 1 < text_.size() && IsAsciiDigit(text_[whole + 1]))
      end = Digits(whole + 1, IsAsciiDigit);
    if (!behind_dot && end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
      const size_t digits = end + 1 + (SignAt(end + 1) != 0);
      if (digits < text_.size() && IsAsciiDigit(text_[digits])) end = Digits(digits, IsAsciiDigit);
    }
    if (end > whole)
      EmitNumber(TokenKind::kFloat, end);
    else
      ReadInteger(whole);
  }

  void ReadInteger(size_t decimal_end) {
    if (text_[position_] != '0') return EmitNumber(TokenKind::kInteger, decimal_end);
    const char base = position_ + 1 < text_.size() ? static_cast<char>(text_[position_ + 1] | 0x20) : 0;
    const auto is_digit = [base](char c) {
      if (base == 'x') return IsAsciiDigit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
      return c >= '0' && c <= (base == 'b' ? '1' : '7');
    };
    if (base == 'x' || base == 'b' || base == 'o') {
      const size_t end = Digits(position_ + 2, is_digit);
      if (end > position_ + 2) return EmitNumber(TokenKind::kInteger, end);
    }
    EmitNumber(TokenKind::kInteger, Digits(position_, [](char c) { return c == '0'; }));
  }

  void ReadString() {
    const char quote = text_[position_];
    size_t end = position_ + 1;
    while (end < text_.size() && text_[end] != quote) end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size()) Fail(fmt::format("unexpected char \"{}\" at {}", quote, position_));
    Emit(TokenKind::kString, Unescape(std::string_view(text_).substr(position_ + 1, end - position_ - 1)));
    position_ = end + 1;
  }

  std::string Unescape(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\' || i + 1 >= text.size()) {
        out += text[i];
        continue;
      }
      ++i;
      constexpr std::string_view kFrom = "\\'\"abfnrtv", kTo = "\\'\"\a\b\f\n\r\t\v";
      if (const size_t simple = kFrom.find(text[i]); simple != std::string_view::npos)
        out += kTo[simple];
      else if (text[i] == 'x' || text[i] == 'u' || text[i] == 'U')
        i = UnescapeHex(text, i, out);
      else if (text[i] >= '0' && text[i] <= '7')
        i = UnescapeOctal(text, i, out);
      else if (text[i] != '\n')
        out.append(text, i - 1, 2);
    }
    return out;
  }

  static char32_t HexValue(char c) {
    if (IsAsciiDigit(c)) return static_cast<char32_t>(c - '0');
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? static_cast<char32_t>(lower - 'a' + 10) : 16;
  }

  // \xhh, \uhhhh, \Uhhhhhhhh with `at` on the letter; returns the last character's place.
  size_t UnescapeHex(std::string_view text, size_t at, std::string& out) {
    const size_t count = text[at] == 'x' ? 2 : text[at] == 'u' ? 4 : 8;
    char32_t c = 0;
    for (size_t i = at + 1; i <= at + count; ++i) {
      const char32_t digit = i < text.size() ? HexValue(text[i]) : 16;
      if (digit > 15) Fail(fmt::format("truncated \\{} escape", text[at]));
      c = c * 16 + digit;
    }
    if (c > 0x10ffff) Fail("illegal Unicode character");
    AppendChar(out, c);
    return at + count;
  }

  static size_t UnescapeOctal(std::string_view text, size_t at, std::string& out) {
    char32_t c = 0;
    size_t end = at;
    while (end < text.size() && end < at + 3 && text[end] >= '0' && text[end] <= '7')
      c = c * 8 + static_cast<char32_t>(text[end++] - '0');
    AppendChar(out, c);
    return end - 1;
  }

  void ReadOperator(std::string& open_brackets) {
    constexpr std::string_view kTwo[] = {"//", "**", "==", "!=", ">=", "<="};
    constexpr std::string_view kOne = "+-/*%~[](){}><=.:|,;";
    for (const std::string_view op : kTwo) {
      if (!At(op)) continue;
      Emit(TokenKind::kOperator, std::string(op));
      position_ += 2;
      return;
    }
    const char c = text_[position_];
    if (kOne.find(c) == std::string_view::npos) Fail(fmt::format("unexpected char '{}' at {}", c, position_));
    if (c == '(') open_brackets += ')';
    if (c == '[') open_brackets += ']';
    if (c == '{') open_brackets += '}';
    if (c == ')' || c == ']' || c == '}') {
      if (open_brackets.empty()) Fail(fmt::format("unexpected '{}'", c));
      if (open_brackets.back() != c)
        Fail(fmt::format("unexpected '{}', expected '{}'", c, open_brackets.back()));
      open_brackets.pop_back();
    }
    Emit(TokenKind::kOperator, std::string(1, c));
    ++position_;
  }
};

}  // namespace

std::vector<Token> Tokenize(std::string_view source) { return Lexer(source).Run(); }

}  // namespace sluice::chat::jinja
