#include "chat/jinja/token_stream.h"

#include <fmt/format.h>

#include "chat/jinja/error.h"

namespace sluice::chat::jinja {
namespace {

std::string_view KindName(TokenKind kind) {
  switch (kind) {
    case TokenKind::kData:
      return "template data / text";
    case TokenKind::kVariableBegin:
      return "begin of print statement";
    case TokenKind::kVariableEnd:
      return "end of print statement";
    case TokenKind::kBlockBegin:
      return "begin of statement block";
    case TokenKind::kBlockEnd:
      return "end of statement block";
    case TokenKind::kName:
      return "name";
    case TokenKind::kString:
      return "string";
    case TokenKind::kInteger:
      return "integer";
    case TokenKind::kFloat:
      return "float";
    case TokenKind::kOperator:
      return "operator";
    case TokenKind::kEnd:
      return "end of template";
  }
  return "token";
}

}  // namespace

std::string TokenStream::Describe(const Token& token) {
  if (token.kind == TokenKind::kName || token.kind == TokenKind::kOperator) return token.text;
  return std::string(KindName(token.kind));
}

void TokenStream::Fail(std::string message) const {
  throw Failure(FailureKind::kSyntax, std::move(message), current().line);
}

Token TokenStream::Next() {
  Token token = current();
  if (position_ + 1 < tokens_.size()) ++position_;
  return token;
}

bool TokenStream::SkipOperator(std::string_view op) {
  if (!IsOperator(op)) return false;
  Next();
  return true;
}

bool TokenStream::SkipName(std::string_view name) {
  if (!IsName(name)) return false;
  Next();
  return true;
}

Token TokenStream::Expect(TokenKind kind) {
  if (!Is(kind)) Fail(fmt::format("expected token '{}', got '{}'", KindName(kind), Describe(current())));
  return Next();
}

void TokenStream::ExpectOperator(std::string_view op) {
  if (!SkipOperator(op)) Fail(fmt::format("expected token '{}', got '{}'", op, Describe(current())));
}

void TokenStream::ExpectName(std::string_view name) {
  if (!SkipName(name)) Fail(fmt::format("expected token '{}', got '{}'", name, Describe(current())));
}

}  // namespace sluice::chat::jinja
