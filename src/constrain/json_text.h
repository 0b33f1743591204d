// How JSON is written, as expressions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "constrain/grammar.h"

namespace sluice::constrain {

// The rules of JSON in one grammar; each is added when it is first asked for. Every character has one
// spelling in strings, so that strings can be compared by what is written; only free text (String, Key) may
// be escaped otherwise. White space between two tokens is at most a line end with twenty spaces.
class JsonText {
 public:
  explicit JsonText(Grammar& grammar) : grammar_(grammar) {}

  ExpressionId Space();
  ExpressionId Value(), Object(), Array(), String(), Number(), Integer();
  ExpressionId Bool() { return Words({"true", "false"}); }
  ExpressionId Null() { return grammar_.Bytes("null"); }
  // `body` between quotes.
  ExpressionId Quoted(ExpressionId body);
  // One character of the set as it stands in a string.
  ExpressionId Chars(const tokenizer::CharSet& set);
  ExpressionId AnyChar();  // also by \u
  ExpressionId AnyChars(uint32_t minimum, uint32_t maximum);
  // A value as it is written.
  ExpressionId Literal(const nlohmann::ordered_json& value);
  // Any string but these.
  ExpressionId KeyBeside(std::vector<std::string> names);
  // "key": value
  ExpressionId Member(ExpressionId key, ExpressionId value);
  ExpressionId Braced(std::vector<ExpressionId> members, std::vector<bool> required, bool open,
                      uint32_t least);
  // Elements in their order, the first `minimum` of which must stand there; the last may be repeated until
  // there are `maximum`.
  ExpressionId Bracketed(const std::vector<ExpressionId>& elements, uint32_t minimum, uint32_t maximum);

 private:
  Grammar& grammar_;
  std::optional<RuleId> space_, value_, object_, array_, string_, number_, integer_;
  std::optional<ExpressionId> char_;

  ExpressionId Comma();
  ExpressionId Words(const std::vector<std::string>& words);
  ExpressionId Digits(uint32_t minimum);
  ExpressionId KeyTail(const std::vector<std::u32string>& names, size_t begin, size_t end, size_t at);
};

}  // namespace sluice::constrain
