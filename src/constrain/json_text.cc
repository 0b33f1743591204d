#include "constrain/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tokenizer/unicode.h"

namespace sluice::constrain {

using tokenizer::CharSet;

namespace {

constexpr uint32_t kMostIndent = 20;
constexpr uint32_t kMostDigits = 40;  // of a free number's whole part

const CharSet& Plain() {  // what needs no escape
  static const CharSet set{{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0xD7FF}, {0xE000, tokenizer::kMaxCodePoint}};
  return set;
}
const CharSet& Hex() {
  static const CharSet set{{'0', '9'}, {'A', 'F'}, {'a', 'f'}};
  return set;
}

std::string EscapeOf(char32_t c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
  }
}

std::u32string ToUtf32(const std::string& text) {
  std::u32string out;
  for (size_t at = 0; at < text.size();) {
    const auto c = tokenizer::DecodeAt(text, at);
    out.push_back(c.value);
    at += c.size;
  }
  return out;
}

}  // namespace

ExpressionId JsonText::Space() {
  if (!space_) {
    space_ = grammar_.AddRule("space");
    const auto line = grammar_.Sequence(
        {grammar_.Bytes("\n"), grammar_.Repeat(grammar_.Chars(CharSet::Of(' ')), 0, kMostIndent)});
    grammar_.Define(*space_, grammar_.Optional(grammar_.Alternatives({grammar_.Bytes(" "), line})));
  }
  return grammar_.Rule(*space_);
}

ExpressionId JsonText::Words(const std::vector<std::string>& words) {
  std::vector<ExpressionId> alternatives;
  for (const std::string& word : words) alternatives.push_back(grammar_.Bytes(word));
  return grammar_.Alternatives(std::move(alternatives));
}

ExpressionId JsonText::Chars(const CharSet& set) {
  std::vector<ExpressionId> alternatives = {grammar_.Chars(set.Intersection(Plain()))};
  const CharSet escaped = set.Intersection(CharSet{{0, 0x1F}, {'"', '"'}, {'\\', '\\'}});
  for (const auto& [first, last] : escaped.ranges())
    for (char32_t c = first; c <= last; ++c) alternatives.push_back(grammar_.Bytes(EscapeOf(c)));
  return grammar_.Alternatives(std::move(alternatives));
}

ExpressionId JsonText::AnyChar() {
  if (!char_) {
    const auto hex = [&](uint32_t digits) { return grammar_.Repeat(grammar_.Chars(Hex()), digits, digits); };
    const auto of = [&](std::initializer_list<CharSet::Range> ranges) {
      return grammar_.Chars(CharSet(ranges));
    };
    // \u of a surrogate stands for nothing alone.
    const auto no_surrogate = grammar_.Alternatives(
        {grammar_.Sequence({of({{'0', '9'}, {'A', 'C'}, {'E', 'F'}, {'a', 'c'}, {'e', 'f'}}), hex(3)}),
         grammar_.Sequence({of({{'D', 'D'}, {'d', 'd'}}), of({{'0', '7'}}), hex(2)})});
    const auto pair = grammar_.Sequence(
        {of({{'D', 'D'}, {'d', 'd'}}), of({{'8', '9'}, {'A', 'B'}, {'a', 'b'}}), hex(2),
         grammar_.Bytes("\\u"), of({{'D', 'D'}, {'d', 'd'}}), of({{'C', 'F'}, {'c', 'f'}}), hex(2)});
    const auto escape = grammar_.Alternatives(
        {grammar_.Chars(CharSet{{'"', '"'},
                                {'/', '/'},
                                {'\\', '\\'},
                                {'b', 'b'},
                                {'f', 'f'},
                                {'n', 'n'},
                                {'r', 'r'},
                                {'t', 't'}}),
         grammar_.Sequence({grammar_.Bytes("u"), grammar_.Alternatives({no_surrogate, pair})})});
    char_ =
        grammar_.Alternatives({grammar_.Chars(Plain()), grammar_.Sequence({grammar_.Bytes("\\"), escape})});
  }
  return *char_;
}

ExpressionId JsonText::Quoted(ExpressionId body) {
  return grammar_.Sequence({grammar_.Bytes("\""), body, grammar_.Bytes("\"")});
}

ExpressionId JsonText::AnyChars(uint32_t minimum, uint32_t maximum) {
  return grammar_.Repeat(AnyChar(), minimum, maximum);
}

ExpressionId JsonText::String() {
  if (!string_) {
    string_ = grammar_.AddRule("string", /*apart=*/true);
    grammar_.Define(*string_, Quoted(AnyChars(0, kUnbounded)));
  }
  return grammar_.Rule(*string_);
}

ExpressionId JsonText::Digits(uint32_t minimum) {
  return grammar_.Repeat(grammar_.Chars(CharSet{{'0', '9'}}), minimum, kMostDigits);
}

ExpressionId JsonText::Integer() {
  if (!integer_) {
    integer_ = grammar_.AddRule("integer");
    const auto positive = grammar_.Sequence({grammar_.Chars(CharSet{{'1', '9'}}), Digits(0)});
    grammar_.Define(*integer_, grammar_.Alternatives(
                                   {grammar_.Bytes("0"),
                                    grammar_.Sequence({grammar_.Optional(grammar_.Bytes("-")), positive})}));
  }
  return grammar_.Rule(*integer_);
}

ExpressionId JsonText::Number() {
  if (!number_) {
    number_ = grammar_.AddRule("number", /*apart=*/true);
    const auto whole = grammar_.Alternatives(
        {grammar_.Bytes("0"), grammar_.Sequence({grammar_.Chars(CharSet{{'1', '9'}}), Digits(0)})});
    const auto fraction = grammar_.Sequence({grammar_.Bytes("."), Digits(1)});
    // Three digits and more are beyond what a double holds.
    const auto exponent =
        grammar_.Sequence({grammar_.Chars(CharSet{{'E', 'E'}, {'e', 'e'}}),
                           grammar_.Optional(grammar_.Chars(CharSet{{'+', '+'}, {'-', '-'}})),
                           grammar_.Repeat(grammar_.Chars(CharSet{{'0', '9'}}), 1, 2)});
    grammar_.Define(*number_, grammar_.Sequence({grammar_.Optional(grammar_.Bytes("-")), whole,
                                                 grammar_.Optional(fraction), grammar_.Optional(exponent)}));
  }
  return grammar_.Rule(*number_);
}

ExpressionId JsonText::Value() {
  if (!value_) {
    value_ = grammar_.AddRule("value", /*apart=*/true);
    grammar_.Define(*value_, grammar_.Alternatives({Object(), Array(), String(), Number(), Bool(), Null()}));
  }
  return grammar_.Rule(*value_);
}

ExpressionId JsonText::Object() {
  if (!object_) {
    object_ = grammar_.AddRule("object", /*apart=*/true);
    const auto member = Member(String(), Value());
    grammar_.Define(*object_, Braced({member}, {false}, /*open=*/true, 0));
  }
  return grammar_.Rule(*object_);
}

ExpressionId JsonText::Array() {
  if (!array_) {
    array_ = grammar_.AddRule("array", /*apart=*/true);
    grammar_.Define(*array_, Bracketed({Value()}, 0, kUnbounded));
  }
  return grammar_.Rule(*array_);
}

ExpressionId JsonText::Comma() { return grammar_.Sequence({Space(), grammar_.Bytes(","), Space()}); }

ExpressionId JsonText::Member(ExpressionId key, ExpressionId value) {
  return grammar_.Sequence({key, Space(), grammar_.Bytes(":"), Space(), value});
}

ExpressionId JsonText::Braced(std::vector<ExpressionId> members, std::vector<bool> required, bool open,
                              uint32_t least) {
  const bool may_be_none = least == 0 && std::ranges::find(required, true) == required.end();
  if (members.empty()) return grammar_.Sequence({grammar_.Bytes("{"), Space(), grammar_.Bytes("}")});
  const auto inside = grammar_.Members(Comma(), std::move(members), std::move(required), open, 1);
  const auto full = grammar_.Sequence({Space(), inside, Space()});
  return grammar_.Sequence({grammar_.Bytes("{"), may_be_none ? grammar_.Alternatives({Space(), full}) : full,
                            grammar_.Bytes("}")});
}

ExpressionId JsonText::Bracketed(const std::vector<ExpressionId>& elements, uint32_t minimum,
                                 uint32_t maximum) {
  const auto bracketed = [&](ExpressionId inside) {
    return grammar_.Sequence({grammar_.Bytes("["), inside, grammar_.Bytes("]")});
  };
  if (elements.empty() || maximum == 0) return minimum == 0 ? bracketed(Space()) : grammar_.Nothing();
  const auto count = static_cast<uint32_t>(elements.size());
  const auto more = [&](uint32_t least) { return least > count - 1 ? least - (count - 1) : 0; };
  // From the last one on, as often as it may stand there; then those in front of it.
  const uint32_t last_minimum = more(minimum),
                 last_maximum = maximum == kUnbounded ? kUnbounded : more(maximum);
  const auto comma = Comma();
  const auto again = grammar_.Sequence({comma, elements.back()});
  ExpressionId rest = grammar_.Repeat(again, last_minimum, last_maximum);
  if (count == 1)
    rest = grammar_.Sequence(
        {elements[0], grammar_.Repeat(again, last_minimum > 0 ? last_minimum - 1 : 0,
                                      last_maximum == kUnbounded ? kUnbounded : last_maximum - 1)});
  for (uint32_t i = count - 1; i-- > 0;) {
    if (i >= maximum) {
      rest = grammar_.Empty();
      continue;
    }
    rest = grammar_.Sequence({i == 0 ? elements[i] : grammar_.Sequence({comma, elements[i]}), rest});
    if (i >= minimum && i > 0) rest = grammar_.Optional(rest);
  }
  const auto full = grammar_.Sequence({Space(), rest, Space()});
  return bracketed(minimum == 0 ? grammar_.Alternatives({Space(), full}) : full);
}

ExpressionId JsonText::Literal(const nlohmann::ordered_json& value) {
  if (value.is_string()) {
    std::string text = "\"";
    for (const char32_t c : ToUtf32(value.get_ref<const std::string&>())) {
      if (c < 0x20 || c == '"' || c == '\\')
        text += EscapeOf(c);
      else
        tokenizer::AppendUtf8(text, c);
    }
    return grammar_.Bytes(text + "\"");
  }
  if (value.is_array()) {
    std::vector<ExpressionId> elements;
    for (const auto& element : value) elements.push_back(Literal(element));
    const auto count = static_cast<uint32_t>(elements.size());
    return Bracketed(elements, count, count);
  }
  if (value.is_object()) {
    std::vector<ExpressionId> members;
    for (const auto& [key, member] : value.items()) members.push_back(Member(Literal(key), Literal(member)));
    return Braced(std::move(members), std::vector<bool>(value.size(), true), /*open=*/false, 0);
  }
  return grammar_.Bytes(value.dump());
}

// What may follow the first `at` characters, which names[begin, end) have in common, and the closing quote.
ExpressionId JsonText::KeyTail(const std::vector<std::u32string>& names, size_t begin, size_t end,
                               size_t at) {
  if (grammar_.too_large()) return grammar_.Nothing();
  CharSet others = CharSet{{0, 0xD7FF}, {0xE000, tokenizer::kMaxCodePoint}};
  std::vector<ExpressionId> alternatives;
  if (begin < end && names[begin].size() == at)
    ++begin;  // this name itself may not end here
  else
    alternatives.push_back(grammar_.Bytes("\""));
  CharSet taken;
  while (begin < end) {
    const char32_t c = names[begin][at];
    size_t last = begin;
    while (last < end && names[last][at] == c) ++last;
    taken.Add(c, c);
    alternatives.push_back(grammar_.Sequence({Chars(CharSet::Of(c)), KeyTail(names, begin, last, at + 1)}));
    begin = last;
  }
  others = others.Intersection(taken.Complement());
  const auto rest = grammar_.Sequence(
      {grammar_.Repeat(Chars(CharSet{{0, tokenizer::kMaxCodePoint}}), 0), grammar_.Bytes("\"")});
  alternatives.push_back(grammar_.Sequence({Chars(others), rest}));
  return grammar_.Alternatives(std::move(alternatives));
}

ExpressionId JsonText::KeyBeside(std::vector<std::string> names) {
  if (names.empty()) return String();
  std::vector<std::u32string> wide;
  for (const std::string& name : names) wide.push_back(ToUtf32(name));
  std::ranges::sort(wide);
  wide.erase(std::ranges::unique(wide).begin(), wide.end());
  return grammar_.Sequence({grammar_.Bytes("\""), KeyTail(wide, 0, wide.size(), 0)});
}

}  // namespace sluice::constrain
