#include "chat/jinja/expression_parser.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdlib>

#include "chat/jinja/error.h"

namespace sluice::chat::jinja {
namespace {

constexpr int kMaxNesting = 150;  // brackets and blocks in the source
constexpr int kMaxHeight = 300;   // of an expression's tree, which chains of operators build too

std::vector<ExpressionPtr> Operands(ExpressionPtr a, ExpressionPtr b = nullptr) {
  std::vector<ExpressionPtr> operands;
  operands.push_back(std::move(a));
  if (b) operands.push_back(std::move(b));
  return operands;
}

}  // namespace

ExpressionParser::Nesting::Nesting(ExpressionParser& parser) : parser_(parser) {
  if (++parser_.depth_ > kMaxNesting) {
    --parser_.depth_;
    throw Failure(FailureKind::kLimit,
                  fmt::format("the template nests more than {} levels deep", kMaxNesting),
                  parser.tokens_.current().line);
  }
}

int ExpressionParser::Symbol(const std::string& name) {
  return program_.symbols.emplace(name, static_cast<int>(program_.symbols.size())).first->second;
}

ExpressionPtr ExpressionParser::Make(ExpressionKind kind, int line) const {
  auto node = std::make_unique<Expression>();
  node->kind = kind;
  node->line = line;
  return node;
}

void ExpressionParser::Grow(Expression& parent, const ExpressionPtr& child) {
  if (!child) return;
  parent.height = std::max(parent.height, child->height + 1);
  if (parent.height > kMaxHeight)
    throw Failure(FailureKind::kLimit, fmt::format("an expression nests more than {} operators", kMaxHeight),
                  parent.line);
}

ExpressionPtr ExpressionParser::Make(ExpressionKind kind, int line, std::vector<ExpressionPtr> operands) {
  auto node = Make(kind, line);
  node->operands = std::move(operands);
  for (const auto& operand : node->operands) Grow(*node, operand);
  return node;
}

ExpressionPtr ExpressionParser::Constant(Value value, int line) const {
  auto node = Make(ExpressionKind::kConstant, line);
  node->constant = value;
  return node;
}

ExpressionPtr ExpressionParser::ParseExpression(bool with_conditional) {
  Nesting nesting(*this);
  return with_conditional ? ParseConditional() : ParseOr();
}

ExpressionPtr ExpressionParser::ParseConditional() {
  const int line = tokens_.current().line;
  const size_t mark = UnknownMark();
  ExpressionPtr value = ParseOr();
  while (tokens_.SkipName("if")) {
    ExpressionPtr condition = ParseOr();
    ExpressionPtr other;
    if (tokens_.SkipName("else")) other = ParseExpression();
    ForgetUnknown(mark);
    std::vector<ExpressionPtr> operands = Operands(std::move(value), std::move(condition));
    operands.push_back(std::move(other));
    value = Make(ExpressionKind::kConditional, line, std::move(operands));
  }
  return value;
}

ExpressionPtr ExpressionParser::ParseOr() {
  ExpressionPtr left = ParseAnd();
  while (tokens_.IsName("or")) {
    const int line = tokens_.Next().line;
    ExpressionPtr right = ParseAnd();
    left = Make(ExpressionKind::kOr, line, Operands(std::move(left), std::move(right)));
  }
  return left;
}

ExpressionPtr ExpressionParser::ParseAnd() {
  ExpressionPtr left = ParseNot();
  while (tokens_.IsName("and")) {
    const int line = tokens_.Next().line;
    ExpressionPtr right = ParseNot();
    left = Make(ExpressionKind::kAnd, line, Operands(std::move(left), std::move(right)));
  }
  return left;
}

ExpressionPtr ExpressionParser::ParseNot() {
  if (!tokens_.IsName("not")) return ParseCompare();
  Nesting nesting(*this);
  const int line = tokens_.Next().line;
  return Make(ExpressionKind::kNot, line, Operands(ParseNot()));
}

std::optional<Comparison> ExpressionParser::TakeComparison() {
  constexpr std::pair<std::string_view, Comparison> kComparisons[] = {
      {"==", Comparison::kEqual},     {"!=", Comparison::kNotEqual}, {"<", Comparison::kLess},
      {"<=", Comparison::kLessEqual}, {">", Comparison::kGreater},   {">=", Comparison::kGreaterEqual}};
  for (const auto& [op, comparison] : kComparisons)
    if (tokens_.SkipOperator(op)) return comparison;
  if (tokens_.SkipName("in")) return Comparison::kIn;
  const bool not_in =
      tokens_.IsName("not") && tokens_.ahead().kind == TokenKind::kName && tokens_.ahead().text == "in";
  if (!not_in) return std::nullopt;
  tokens_.Next();
  tokens_.Next();
  return Comparison::kNotIn;
}

ExpressionPtr ExpressionParser::ParseCompare() {
  const int line = tokens_.current().line;
  ExpressionPtr first = ParseSum();
  ExpressionPtr node;
  while (const auto comparison = TakeComparison()) {
    if (!node) node = Make(ExpressionKind::kCompare, line, Operands(std::move(first)));
    node->comparisons.push_back(*comparison);
    node->operands.push_back(ParseSum());
    Grow(*node, node->operands.back());
  }
  return node ? std::move(node) : std::move(first);
}

ExpressionPtr ExpressionParser::ParseSum() {
  ExpressionPtr left = ParseConcat();
  while (tokens_.IsOperator("+") || tokens_.IsOperator("-")) {
    const Token op = tokens_.Next();
    ExpressionPtr right = ParseConcat();
    left = Make(ExpressionKind::kBinary, op.line, Operands(std::move(left), std::move(right)));
    left->op = op.text == "+" ? BinaryOperator::kAdd : BinaryOperator::kSubtract;
  }
  return left;
}

ExpressionPtr ExpressionParser::ParseConcat() {
  const int line = tokens_.current().line;
  ExpressionPtr first = ParseProduct();
  if (!tokens_.IsOperator("~")) return first;
  auto node = Make(ExpressionKind::kConcat, line, Operands(std::move(first)));
  while (tokens_.SkipOperator("~")) {
    node->operands.push_back(ParseProduct());
    Grow(*node, node->operands.back());
  }
  return node;
}

ExpressionPtr ExpressionParser::ParseProduct() {
  ExpressionPtr left = ParsePower();
  while (tokens_.IsOperator("*") || tokens_.IsOperator("/") || tokens_.IsOperator("//") ||
         tokens_.IsOperator("%")) {
    const Token op = tokens_.Next();
    ExpressionPtr right = ParsePower();
    left = Make(ExpressionKind::kBinary, op.line, Operands(std::move(left), std::move(right)));
    left->op = op.text == "*"    ? BinaryOperator::kMultiply
               : op.text == "/"  ? BinaryOperator::kDivide
               : op.text == "//" ? BinaryOperator::kFloorDivide
                                 : BinaryOperator::kModulo;
  }
  return left;
}

ExpressionPtr ExpressionParser::ParsePower() {
  ExpressionPtr left = ParseUnary();
  while (tokens_.IsOperator("**")) {
    const int line = tokens_.Next().line;
    ExpressionPtr right = ParseUnary();
    left = Make(ExpressionKind::kBinary, line, Operands(std::move(left), std::move(right)));
    left->op = BinaryOperator::kPower;
  }
  return left;
}

ExpressionPtr ExpressionParser::ParseUnary(bool with_filter) {
  ExpressionPtr node;
  if (tokens_.IsOperator("-") || tokens_.IsOperator("+")) {
    Nesting nesting(*this);
    const Token op = tokens_.Next();
    const auto kind = op.text == "-" ? ExpressionKind::kNegate : ExpressionKind::kPlus;
    node = Make(kind, op.line, Operands(ParseUnary(false)));
  } else {
    node = ParsePrimary();
  }
  node = ParsePostfix(std::move(node));
  return with_filter ? ParseSuffixes(std::move(node)) : std::move(node);
}

ExpressionPtr ExpressionParser::ParseName(bool with_namespace) {
  const Token name = tokens_.Next();
  if (name.text == "true" || name.text == "True") return Constant(Value::Bool(true), name.line);
  if (name.text == "false" || name.text == "False") return Constant(Value::Bool(false), name.line);
  if (name.text == "none" || name.text == "None") return Constant(Value::None(), name.line);
  special_names_.caller |= name.text == "caller";
  special_names_.varargs |= name.text == "varargs";
  special_names_.kwargs |= name.text == "kwargs";
  const bool item = with_namespace && tokens_.SkipOperator(".");
  auto node = Make(item ? ExpressionKind::kNamespaceItem : ExpressionKind::kName, name.line);
  node->symbol = Symbol(name.text);
  node->text = item ? tokens_.Expect(TokenKind::kName).text : name.text;
  return node;
}

ExpressionPtr ExpressionParser::ParseNumber() {
  const Token token = tokens_.Next();
  const std::string& text = token.text;
  if (token.kind == TokenKind::kFloat)
    return Constant(Value::Float(std::strtod(text.c_str(), nullptr)), token.line);
  int base = 10;
  size_t skip = 0;
  if (text.size() > 2 && text[0] == '0' && (text[1] | 0x20) >= 'a') {
    const char letter = static_cast<char>(text[1] | 0x20);
    base = letter == 'x' ? 16 : letter == 'o' ? 8 : 2;
    skip = 2;
  }
  int64_t value = 0;
  const auto result = std::from_chars(text.data() + skip, text.data() + text.size(), value, base);
  if (result.ec != std::errc())
    throw Failure(FailureKind::kOverflow, fmt::format("the number {} does not fit 64 bits", text),
                  token.line);
  return Constant(Value::Int(value), token.line);
}

ExpressionPtr ExpressionParser::ParsePrimary(bool with_namespace) {
  const int line = tokens_.current().line;
  switch (tokens_.current().kind) {
    case TokenKind::kName:
      return ParseName(with_namespace);
    case TokenKind::kInteger:
    case TokenKind::kFloat:
      return ParseNumber();
    case TokenKind::kString: {
      std::string text;
      while (tokens_.Is(TokenKind::kString)) text += tokens_.Next().text;
      return Constant(program_.constants.String(std::move(text)), line);
    }
    default:
      break;
  }
  if (tokens_.IsOperator("[")) return ParseList();
  if (tokens_.IsOperator("{")) return ParseDict();
  if (!tokens_.SkipOperator("("))
    tokens_.Fail(fmt::format("unexpected '{}'", TokenStream::Describe(tokens_.current())));
  ExpressionPtr node;
  if (tokens_.IsOperator(")"))
    node = Make(ExpressionKind::kTuple, line);
  else
    node = ParseTuple();
  tokens_.ExpectOperator(")");
  return node;
}

ExpressionPtr ExpressionParser::ParseTuple(bool with_conditional, std::string_view end) {
  Nesting nesting(*this);
  const int line = tokens_.current().line;
  const auto at_end = [&] {
    return tokens_.Is(TokenKind::kVariableEnd) || tokens_.Is(TokenKind::kBlockEnd) ||
           tokens_.IsOperator(")") || (!end.empty() && tokens_.IsName(end));
  };
  if (at_end())
    tokens_.Fail(fmt::format("Expected an expression, got '{}'", TokenStream::Describe(tokens_.current())));
  ExpressionPtr first = ParseExpression(with_conditional);
  if (!tokens_.IsOperator(",")) return first;
  std::vector<ExpressionPtr> items = Operands(std::move(first));
  while (tokens_.SkipOperator(",") && !at_end()) items.push_back(ParseExpression(with_conditional));
  return Make(ExpressionKind::kTuple, line, std::move(items));
}

void ExpressionParser::CheckTarget(const Expression& target) const {
  if (target.kind == ExpressionKind::kName || target.kind == ExpressionKind::kNamespaceItem) return;
  if (target.kind != ExpressionKind::kTuple)
    throw Failure(FailureKind::kSyntax, "can't assign to this", target.line);
  for (const auto& item : target.operands) CheckTarget(*item);
}

ExpressionPtr ExpressionParser::ParseTarget(bool with_namespace, std::string_view end) {
  Nesting nesting(*this);
  const int line = tokens_.current().line;
  ExpressionPtr target = ParsePrimary(with_namespace);
  if (tokens_.IsOperator(",")) {
    std::vector<ExpressionPtr> items = Operands(std::move(target));
    while (tokens_.SkipOperator(",")) {
      if (tokens_.Is(TokenKind::kBlockEnd) || (!end.empty() && tokens_.IsName(end))) break;
      items.push_back(ParsePrimary(with_namespace));
    }
    target = Make(ExpressionKind::kTuple, line, std::move(items));
  }
  CheckTarget(*target);
  return target;
}

ExpressionPtr ExpressionParser::ParseList() {
  const int line = tokens_.Next().line;
  std::vector<ExpressionPtr> items;
  while (!tokens_.IsOperator("]")) {
    if (!items.empty()) tokens_.ExpectOperator(",");
    if (tokens_.IsOperator("]")) break;
    items.push_back(ParseExpression());
  }
  tokens_.ExpectOperator("]");
  return Make(ExpressionKind::kList, line, std::move(items));
}

ExpressionPtr ExpressionParser::ParseDict() {
  const int line = tokens_.Next().line;
  std::vector<ExpressionPtr> items;
  while (!tokens_.IsOperator("}")) {
    if (!items.empty()) tokens_.ExpectOperator(",");
    if (tokens_.IsOperator("}")) break;
    items.push_back(ParseExpression());
    tokens_.ExpectOperator(":");
    items.push_back(ParseExpression());
  }
  tokens_.ExpectOperator("}");
  return Make(ExpressionKind::kDict, line, std::move(items));
}

ExpressionPtr ExpressionParser::ParsePostfix(ExpressionPtr node) {
  while (true) {
    if (tokens_.IsOperator("."))
      node = ParseDot(std::move(node));
    else if (tokens_.IsOperator("["))
      node = ParseBracket(std::move(node));
    else if (tokens_.IsOperator("("))
      node = ParseCall(std::move(node));
    else
      return node;
  }
}

ExpressionPtr ExpressionParser::ParseSuffixes(ExpressionPtr node) {
  while (true) {
    if (tokens_.IsOperator("|"))
      node = ParseFilters(std::move(node), false);
    else if (tokens_.IsName("is"))
      node = ParseTest(std::move(node));
    else if (tokens_.IsOperator("("))
      node = ParseCall(std::move(node));
    else
      return node;
  }
}

ExpressionPtr ExpressionParser::ParseDot(ExpressionPtr node) {
  const int line = tokens_.Next().line;
  if (tokens_.Is(TokenKind::kName)) {
    auto attribute = Make(ExpressionKind::kAttribute, line, Operands(std::move(node)));
    attribute->text = tokens_.Next().text;
    return attribute;
  }
  if (!tokens_.Is(TokenKind::kInteger)) tokens_.Fail("expected name or number");
  return Make(ExpressionKind::kItem, line, Operands(std::move(node), ParseNumber()));
}

ExpressionPtr ExpressionParser::ParseBracket(ExpressionPtr node) {
  const int line = tokens_.Next().line;
  ExpressionPtr parts[3];
  int part = 0;
  if (!tokens_.IsOperator(":")) parts[0] = ParseExpression();
  while (part < 2 && tokens_.SkipOperator(":")) {
    ++part;
    if (!tokens_.IsOperator("]") && !tokens_.IsOperator(":") && !tokens_.IsOperator(","))
      parts[part] = ParseExpression();
  }
  if (part == 0 && tokens_.IsOperator(",")) {
    std::vector<ExpressionPtr> items = Operands(std::move(parts[0]));
    while (tokens_.SkipOperator(",")) items.push_back(ParseExpression());
    parts[0] = Make(ExpressionKind::kTuple, line, std::move(items));
  }
  tokens_.ExpectOperator("]");
  if (part == 0) return Make(ExpressionKind::kItem, line, Operands(std::move(node), std::move(parts[0])));
  std::vector<ExpressionPtr> operands = Operands(std::move(node));
  for (ExpressionPtr& bound : parts) operands.push_back(std::move(bound));
  return Make(ExpressionKind::kSlice, line, std::move(operands));
}

ExpressionPtr ExpressionParser::ParseCall(ExpressionPtr node) {
  auto call = Make(ExpressionKind::kCall, tokens_.current().line, Operands(std::move(node)));
  ParseArguments(*call);
  return call;
}

void ExpressionParser::ParseArguments(Expression& call) {
  tokens_.ExpectOperator("(");
  call.call = std::make_unique<CallArguments>();
  CallArguments& arguments = *call.call;
  const auto ensure = [this](bool valid) {
    if (!valid) tokens_.Fail("invalid syntax for function call expression");
  };
  bool first = true;
  while (!tokens_.IsOperator(")")) {
    if (!first) tokens_.ExpectOperator(",");
    first = false;
    if (tokens_.IsOperator(")")) break;
    ExpressionPtr value;
    if (tokens_.SkipOperator("*")) {
      ensure(!arguments.star && !arguments.double_star);
      Grow(call, arguments.star = ParseExpression());
    } else if (tokens_.SkipOperator("**")) {
      ensure(!arguments.double_star);
      Grow(call, arguments.double_star = ParseExpression());
    } else if (tokens_.Is(TokenKind::kName) && tokens_.ahead().kind == TokenKind::kOperator &&
               tokens_.ahead().text == "=") {
      ensure(!arguments.double_star);
      std::string name = tokens_.Next().text;
      tokens_.Next();
      arguments.named.emplace_back(std::move(name), ParseExpression());
      Grow(call, arguments.named.back().second);
    } else {
      ensure(!arguments.star && !arguments.double_star && arguments.named.empty());
      arguments.positional.push_back(ParseExpression());
      Grow(call, arguments.positional.back());
    }
  }
  tokens_.ExpectOperator(")");
}

ExpressionPtr ExpressionParser::ParseFilters(ExpressionPtr operand, bool inline_start) {
  while (inline_start || tokens_.SkipOperator("|")) {
    inline_start = false;
    const Token name = tokens_.Expect(TokenKind::kName);
    auto node = Make(ExpressionKind::kFilter, name.line);
    node->operands.push_back(std::move(operand));
    Grow(*node, node->operands[0]);
    node->text = name.text;
    while (tokens_.SkipOperator(".")) node->text += "." + tokens_.Expect(TokenKind::kName).text;
    node->filter = FindFilter(node->text);
    if (node->filter == nullptr)
      unknown_.emplace_back(FailureKind::kSyntax, fmt::format("No filter named '{}'.", node->text),
                            name.line);
    if (tokens_.IsOperator("(")) ParseArguments(*node);
    operand = std::move(node);
  }
  return operand;
}

bool ExpressionParser::AtTestArgument() const {
  switch (tokens_.current().kind) {
    case TokenKind::kName:
      return !tokens_.IsName("else") && !tokens_.IsName("or") && !tokens_.IsName("and");
    case TokenKind::kString:
    case TokenKind::kInteger:
    case TokenKind::kFloat:
      return true;
    default:
      return tokens_.IsOperator("[") || tokens_.IsOperator("{");
  }
}

ExpressionPtr ExpressionParser::ParseTest(ExpressionPtr node) {
  const int line = tokens_.Next().line;
  const bool negated = tokens_.SkipName("not");
  auto test = Make(ExpressionKind::kTest, line, Operands(std::move(node)));
  test->text = tokens_.Expect(TokenKind::kName).text;
  while (tokens_.SkipOperator(".")) test->text += "." + tokens_.Expect(TokenKind::kName).text;
  test->test = FindTest(test->text);
  if (test->test == nullptr)
    unknown_.emplace_back(FailureKind::kSyntax, fmt::format("No test named '{}'.", test->text), line);
  if (tokens_.IsOperator("(")) {
    ParseArguments(*test);
  } else if (AtTestArgument()) {
    if (tokens_.IsName("is")) tokens_.Fail("You cannot chain multiple tests with is");
    test->call = std::make_unique<CallArguments>();
    test->call->positional.push_back(ParsePostfix(ParsePrimary()));
    Grow(*test, test->call->positional.back());
  }
  if (!negated) return test;
  return Make(ExpressionKind::kNot, line, Operands(std::move(test)));
}

}  // namespace sluice::chat::jinja
