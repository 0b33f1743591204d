// A cursor over tokens, with what every part of the parser asks of it.
#pragma once

#include <string_view>
#include <vector>

#include "chat/jinja/lexer.h"

namespace sluice::chat::jinja {

class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& current() const { return tokens_[position_]; }
  const Token& ahead() const { return tokens_[position_ + 1 < tokens_.size() ? position_ + 1 : position_]; }
  Token Next();

  bool Is(TokenKind kind) const { return current().kind == kind; }
  bool IsOperator(std::string_view op) const { return Is(TokenKind::kOperator) && current().text == op; }
  bool IsName(std::string_view name) const { return Is(TokenKind::kName) && current().text == name; }
  bool SkipOperator(std::string_view op);
  bool SkipName(std::string_view name);
  Token Expect(TokenKind kind);
  void ExpectOperator(std::string_view op);
  void ExpectName(std::string_view name);

  [[noreturn]] void Fail(std::string message) const;
  static std::string Describe(const Token& token);

 private:
  std::vector<Token> tokens_;
  size_t position_ = 0;
};

}  // namespace sluice::chat::jinja
