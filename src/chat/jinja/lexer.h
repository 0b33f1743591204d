// Template text to tokens, with Jinja's rules for white space (trim_blocks and lstrip_blocks are on).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::chat::jinja {

enum class TokenKind {
  kData,
  kVariableBegin,
  kVariableEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd
};

struct Token {
  TokenKind kind;
  std::string text;  // data, name, the string's value, the number's digits, the operator
  int line;          // 1-based
};

// Throws a Failure (kSyntax). The last token is kEnd.
std::vector<Token> Tokenize(std::string_view source);

}  // namespace sluice::chat::jinja
