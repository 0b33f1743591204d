// Parses expressions. Precedence, from loose to tight: if-else, or, and, not, comparisons, + -, ~, * / // %,
// ** (left to right), unary + -, filters and tests, then attributes, subscripts and calls.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/jinja/ast.h"
#include "chat/jinja/error.h"
#include "chat/jinja/token_stream.h"

namespace sluice::chat::jinja {

class ExpressionParser {
 public:
  ExpressionParser(TokenStream& tokens, Program& program) : tokens_(tokens), program_(program) {}

  ExpressionPtr ParseExpression(bool with_conditional = true);
  // An expression, or several with commas between them: a tuple. `end` is a name that may follow a trailing
  // comma.
  ExpressionPtr ParseTuple(bool with_conditional = true, std::string_view end = {});
  // What may stand left of `=` or between `for` and `in`.
  ExpressionPtr ParseTarget(bool with_namespace, std::string_view end = {});
  // `| filter | filter`, or `filter | filter` if `inline_start`. Its innermost operand is null.
  ExpressionPtr ParseFilters(ExpressionPtr operand, bool inline_start);

  int Symbol(const std::string& name);

  // Unknown filters and tests are noted while parsing. Where they stand in a condition's branch they are an
  // error only when reached (Forget); elsewhere the template is refused (Reject).
  size_t UnknownMark() const { return unknown_.size(); }
  void ForgetUnknown(size_t mark) {
    unknown_.erase(unknown_.begin() + static_cast<ptrdiff_t>(mark), unknown_.end());
  }
  void RejectUnknown(size_t mark) const {
    if (unknown_.size() > mark) throw unknown_[mark];
  }
  // Names read so far, so that a macro knows whether it uses caller, varargs, kwargs.
  struct SpecialNames {
    bool caller = false, varargs = false, kwargs = false;
  };
  SpecialNames& special_names() { return special_names_; }

  // One level of nesting in the source.
  class Nesting {
   public:
    explicit Nesting(ExpressionParser& parser);
    ~Nesting() { --parser_.depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    ExpressionParser& parser_;
  };

 private:
  TokenStream& tokens_;
  Program& program_;
  std::vector<Failure> unknown_;
  int depth_ = 0;
  SpecialNames special_names_;

  ExpressionPtr Make(ExpressionKind kind, int line) const;
  ExpressionPtr Make(ExpressionKind kind, int line, std::vector<ExpressionPtr> operands);
  ExpressionPtr Constant(Value value, int line) const;
  void Grow(Expression& parent, const ExpressionPtr& child);

  ExpressionPtr ParseConditional();
  ExpressionPtr ParseOr();
  ExpressionPtr ParseAnd();
  ExpressionPtr ParseNot();
  ExpressionPtr ParseCompare();
  std::optional<Comparison> TakeComparison();
  ExpressionPtr ParseSum();
  ExpressionPtr ParseConcat();
  ExpressionPtr ParseProduct();
  ExpressionPtr ParsePower();
  ExpressionPtr ParseUnary(bool with_filter = true);
  ExpressionPtr ParsePrimary(bool with_namespace = false);
  ExpressionPtr ParseName(bool with_namespace);
  ExpressionPtr ParseNumber();
  ExpressionPtr ParseList();
  ExpressionPtr ParseDict();
  ExpressionPtr ParsePostfix(ExpressionPtr node);
  ExpressionPtr ParseSuffixes(ExpressionPtr node);
  ExpressionPtr ParseDot(ExpressionPtr node);
  ExpressionPtr ParseBracket(ExpressionPtr node);
  ExpressionPtr ParseCall(ExpressionPtr node);
  void ParseArguments(Expression& call);
  ExpressionPtr ParseTest(ExpressionPtr node);
  bool AtTestArgument() const;
  void CheckTarget(const Expression& target) const;
};

}  // namespace sluice::chat::jinja
