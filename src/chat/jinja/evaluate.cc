// The interpreter's expressions.
#include <fmt/format.h>

#include "chat/jinja/interpreter.h"
#include "chat/jinja/operations.h"

namespace sluice::chat::jinja {

Value Interpreter::Evaluate(const Expression& expression, Scope& scope) {
  Runtime::Depth depth(runtime_);
  runtime_.Step();
  const auto operand = [&](size_t i) { return Evaluate(*expression.operands[i], scope); };
  switch (expression.kind) {
    case ExpressionKind::kConstant:
      return expression.constant;
    case ExpressionKind::kName:
      return EvaluateName(expression, scope);
    case ExpressionKind::kList:
    case ExpressionKind::kTuple:
      return EvaluateItems(expression, scope);
    case ExpressionKind::kDict:
      return EvaluateDict(expression, scope);
    case ExpressionKind::kAttribute:
      return GetAttribute(runtime_, operand(0), expression.text);
    case ExpressionKind::kItem: {
      const Value value = operand(0);
      return GetItem(runtime_, value, operand(1));
    }
    case ExpressionKind::kSlice:
      return EvaluateSlice(expression, scope);
    case ExpressionKind::kCall:
      return EvaluateCall(expression, scope);
    case ExpressionKind::kFilter:
      return EvaluateFilter(expression, scope);
    case ExpressionKind::kTest:
      return EvaluateTest(expression, scope);
    case ExpressionKind::kBinary: {
      const Value left = operand(0);
      return Binary(runtime_, expression.op, left, operand(1));
    }
    case ExpressionKind::kNegate:
      return Negate(operand(0));
    case ExpressionKind::kPlus:
      return UnaryPlus(operand(0));
    case ExpressionKind::kNot:
      return Value::Bool(!Truthy(operand(0)));
    case ExpressionKind::kAnd:
    case ExpressionKind::kOr:
      return EvaluateLogical(expression, scope);
    case ExpressionKind::kConcat:
      return EvaluateConcat(expression, scope);
    case ExpressionKind::kCompare:
      return EvaluateCompare(expression, scope);
    case ExpressionKind::kConditional:
      return EvaluateConditional(expression, scope);
    case ExpressionKind::kNamespaceItem:
      break;  // a target, never evaluated
  }
  return {};
}

Value Interpreter::EvaluateName(const Expression& expression, Scope& scope) {
  if (const Value* found = scope.Find(expression.symbol)) return *found;
  return runtime_.Undefined(fmt::format("'{}' is undefined", expression.text));
}

Value Interpreter::EvaluateItems(const Expression& expression, Scope& scope) {
  std::vector<Value> items;
  items.reserve(expression.operands.size());
  for (const auto& operand : expression.operands) items.push_back(Evaluate(*operand, scope));
  return expression.kind == ExpressionKind::kList ? runtime_.List(std::move(items))
                                                  : runtime_.Tuple(std::move(items));
}

Value Interpreter::EvaluateDict(const Expression& expression, Scope& scope) {
  Value dict = runtime_.Dict();
  for (size_t i = 0; i + 1 < expression.operands.size(); i += 2) {
    const Value key = Evaluate(*expression.operands[i], scope);
    dict.dict().Set(key, Evaluate(*expression.operands[i + 1], scope));
  }
  return dict;
}

Value Interpreter::EvaluateSlice(const Expression& expression, Scope& scope) {
  const Value value = Evaluate(*expression.operands[0], scope);
  Value bounds[3];
  for (size_t i = 0; i < 3; ++i)
    if (expression.operands[i + 1]) bounds[i] = Evaluate(*expression.operands[i + 1], scope);
  return GetSlice(runtime_, value, bounds[0], bounds[1], bounds[2]);
}

Value Interpreter::EvaluateLogical(const Expression& expression, Scope& scope) {
  const Value left = Evaluate(*expression.operands[0], scope);
  const bool decided = Truthy(left) == (expression.kind == ExpressionKind::kOr);
  return decided ? left : Evaluate(*expression.operands[1], scope);
}

Value Interpreter::EvaluateConditional(const Expression& expression, Scope& scope) {
  if (Truthy(Evaluate(*expression.operands[1], scope))) return Evaluate(*expression.operands[0], scope);
  if (expression.operands[2]) return Evaluate(*expression.operands[2], scope);
  return runtime_.Undefined(
      fmt::format("the inline if-expression on line {} evaluated to false and no else section was defined.",
                  expression.line));
}

Value Interpreter::EvaluateConcat(const Expression& expression, Scope& scope) {
  std::string out;
  for (const auto& operand : expression.operands) AppendText(runtime_, out, Evaluate(*operand, scope));
  return runtime_.String(std::move(out));
}

bool Interpreter::Compare(Comparison comparison, const Value& a, const Value& b) {
  switch (comparison) {
    case Comparison::kEqual:
      return Equal(runtime_, a, b);
    case Comparison::kNotEqual:
      return !Equal(runtime_, a, b);
    case Comparison::kLess:
      return Less(runtime_, a, b);
    case Comparison::kGreater:
      return Less(runtime_, b, a);
    case Comparison::kLessEqual:
      return Less(runtime_, a, b) || Equal(runtime_, a, b);
    case Comparison::kGreaterEqual:
      return Less(runtime_, b, a) || Equal(runtime_, a, b);
    case Comparison::kIn:
      return Contains(runtime_, b, a);
    case Comparison::kNotIn:
      return !Contains(runtime_, b, a);
  }
  return false;
}

Value Interpreter::EvaluateCompare(const Expression& expression, Scope& scope) {
  Value left = Evaluate(*expression.operands[0], scope);
  for (size_t i = 0; i < expression.comparisons.size(); ++i) {
    const Value right = Evaluate(*expression.operands[i + 1], scope);
    if (!Compare(expression.comparisons[i], left, right)) return Value::Bool(false);
    left = right;
  }
  return Value::Bool(true);
}

Args Interpreter::EvaluateArguments(const CallArguments* call, Scope& scope) {
  Args args;
  if (call == nullptr) return args;
  for (const auto& argument : call->positional) args.positional.push_back(Evaluate(*argument, scope));
  for (const auto& [name, argument] : call->named) args.named.emplace_back(name, Evaluate(*argument, scope));
  if (call->star)
    for (const Value& item : Walk(runtime_, Evaluate(*call->star, scope))) args.positional.push_back(item);
  if (call->double_star) {
    const Value more = Evaluate(*call->double_star, scope);
    if (!more.Is(Kind::kDict))
      ThrowType(fmt::format("argument after ** must be a mapping, not {}", TypeName(more)));
    for (const auto& [key, value] : more.dict().entries)
      args.named.emplace_back(ToText(runtime_, key), value);
  }
  return args;
}

Value Interpreter::EvaluateCall(const Expression& expression, Scope& scope, const Value* caller) {
  const Value callee = Evaluate(*expression.operands[0], scope);
  Args args = EvaluateArguments(expression.call.get(), scope);
  if (caller != nullptr) args.named.emplace_back("caller", *caller);
  return Call(runtime_, callee, args);
}

Value Interpreter::EvaluateFilter(const Expression& expression, Scope& scope, const Value* input) {
  const auto& inner = expression.operands[0];
  Value value;
  if (!inner)
    value = *input;
  else if (input != nullptr && inner->kind == ExpressionKind::kFilter)
    value = EvaluateFilter(*inner, scope, input);
  else
    value = Evaluate(*inner, scope);
  if (expression.filter == nullptr)
    throw Failure(FailureKind::kRuntime, fmt::format("No filter named '{}'.", expression.text));
  return expression.filter->function(runtime_, value, EvaluateArguments(expression.call.get(), scope));
}

Value Interpreter::EvaluateTest(const Expression& expression, Scope& scope) {
  const Value value = Evaluate(*expression.operands[0], scope);
  if (expression.test == nullptr)
    throw Failure(FailureKind::kRuntime, fmt::format("No test named '{}'.", expression.text));
  return Value::Bool(
      expression.test->function(runtime_, value, EvaluateArguments(expression.call.get(), scope)));
}

}  // namespace sluice::chat::jinja
