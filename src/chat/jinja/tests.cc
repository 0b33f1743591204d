#include "chat/jinja/tests.h"

#include <fmt/format.h>

#include "chat/jinja/filters.h"
#include "chat/jinja/methods.h"
#include "chat/jinja/params.h"

namespace sluice::chat::jinja {
namespace {

int64_t Remainder(Runtime& runtime, const Value& value, int64_t divisor) {
  const Value remainder = Binary(runtime, BinaryOperator::kModulo, value, Value::Int(divisor));
  return remainder.Is(Kind::kInt) ? remainder.integer : remainder.AsFloat() == 1.0;
}

bool IsOdd(Runtime& runtime, const Value& value, const Args&) { return Remainder(runtime, value, 2) == 1; }
bool IsEven(Runtime& runtime, const Value& value, const Args&) {
  return Equal(runtime, Binary(runtime, BinaryOperator::kModulo, value, Value::Int(2)), Value::Int(0));
}
bool IsDivisibleBy(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("divisibleby", args, {"num"}, 1);
  return Equal(runtime, Binary(runtime, BinaryOperator::kModulo, value, *params[0]), Value::Int(0));
}

bool IsDefined(Runtime&, const Value& value, const Args&) { return !value.Is(Kind::kUndefined); }
bool IsUndefined(Runtime&, const Value& value, const Args&) { return value.Is(Kind::kUndefined); }
bool IsNone(Runtime&, const Value& value, const Args&) { return value.Is(Kind::kNone); }
bool IsBoolean(Runtime&, const Value& value, const Args&) { return value.Is(Kind::kBool); }
bool IsTrue(Runtime&, const Value& value, const Args&) { return value.Is(Kind::kBool) && value.boolean; }
bool IsFalse(Runtime&, const Value& value, const Args&) { return value.Is(Kind::kBool) && !value.boolean; }
bool IsInteger(Runtime&, const Value& value, const Args&) { return value.Is(Kind::kInt); }
bool IsFloat(Runtime&, const Value& value, const Args&) { return value.Is(Kind::kFloat); }
bool IsNumber(Runtime&, const Value& value, const Args&) { return value.IsNumber(); }
bool IsString(Runtime&, const Value& value, const Args&) { return value.Is(Kind::kString); }
bool IsMapping(Runtime&, const Value& value, const Args&) { return value.Is(Kind::kDict); }
bool IsIterableValue(Runtime&, const Value& value, const Args&) { return IsIterable(value); }
bool IsEscaped(Runtime&, const Value& value, const Args&) { return value.markup(); }
bool IsCallable(Runtime&, const Value& value, const Args&) {
  return value.Is(Kind::kUndefined) || (value.Is(Kind::kObject) && value.object->callable());
}

bool IsSequenceValue(Runtime&, const Value& value, const Args&) {
  switch (value.kind) {
    case Kind::kUndefined:
    case Kind::kString:
    case Kind::kBytes:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
    case Kind::kRange:
      return true;
    default:
      return false;
  }
}

bool IsLower(Runtime& runtime, const Value& value, const Args&) {
  const Value text = runtime.String(ToText(runtime, value));
  return FindStringMethod("islower")->function(runtime, text, {}).boolean;
}
bool IsUpper(Runtime& runtime, const Value& value, const Args&) {
  const Value text = runtime.String(ToText(runtime, value));
  return FindStringMethod("isupper")->function(runtime, text, {}).boolean;
}

bool IsSameAs(Runtime&, const Value& value, const Args& args) {
  const Params params("sameas", args, {"other"}, 1);
  const Value& other = *params[0];
  if (value.kind != other.kind) return false;
  switch (value.kind) {
    case Kind::kNone:
      return true;
    case Kind::kBool:
      return value.boolean == other.boolean;
    case Kind::kInt:
      return value.integer == other.integer;
    case Kind::kFloat:
      return value.number == other.number;
    default:
      return value.object == other.object;
  }
}

bool IsIn(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("in", args, {"seq"}, 1);
  return Contains(runtime, *params[0], value);
}

bool IsFilter(Runtime&, const Value& value, const Args&) {
  return value.Is(Kind::kString) && FindFilter(value.text()) != nullptr;
}
bool IsTest(Runtime&, const Value& value, const Args&) {
  return value.Is(Kind::kString) && FindTest(value.text()) != nullptr;
}

const Value& Other(const Args& args) {
  if (args.positional.size() != 1 || !args.named.empty())
    ThrowType(fmt::format("the test expects one argument, got {}", args.positional.size()));
  return args.positional[0];
}

bool IsEqual(Runtime& runtime, const Value& a, const Args& args) { return Equal(runtime, a, Other(args)); }
bool IsNotEqual(Runtime& runtime, const Value& a, const Args& args) {
  return !Equal(runtime, a, Other(args));
}
bool IsLess(Runtime& runtime, const Value& a, const Args& args) { return Less(runtime, a, Other(args)); }
bool IsGreater(Runtime& runtime, const Value& a, const Args& args) { return Less(runtime, Other(args), a); }
bool IsLessOrEqual(Runtime& runtime, const Value& a, const Args& args) {
  return Less(runtime, a, Other(args)) || Equal(runtime, a, Other(args));
}
bool IsGreaterOrEqual(Runtime& runtime, const Value& a, const Args& args) {
  return Less(runtime, Other(args), a) || Equal(runtime, a, Other(args));
}

constexpr Test kTests[] = {
    {"odd", IsOdd},
    {"even", IsEven},
    {"divisibleby", IsDivisibleBy},
    {"defined", IsDefined},
    {"undefined", IsUndefined},
    {"filter", IsFilter},
    {"test", IsTest},
    {"none", IsNone},
    {"boolean", IsBoolean},
    {"false", IsFalse},
    {"true", IsTrue},
    {"integer", IsInteger},
    {"float", IsFloat},
    {"lower", IsLower},
    {"upper", IsUpper},
    {"string", IsString},
    {"mapping", IsMapping},
    {"number", IsNumber},
    {"sequence", IsSequenceValue},
    {"iterable", IsIterableValue},
    {"callable", IsCallable},
    {"sameas", IsSameAs},
    {"escaped", IsEscaped},
    {"in", IsIn},
    {"==", IsEqual},
    {"eq", IsEqual},
    {"equalto", IsEqual},
    {"!=", IsNotEqual},
    {"ne", IsNotEqual},
    {">", IsGreater},
    {"gt", IsGreater},
    {"greaterthan", IsGreater},
    {"ge", IsGreaterOrEqual},
    {">=", IsGreaterOrEqual},
    {"<", IsLess},
    {"lt", IsLess},
    {"lessthan", IsLess},
    {"<=", IsLessOrEqual},
    {"le", IsLessOrEqual},
};

}  // namespace

const Test* FindTest(std::string_view name) {
  for (const Test& test : kTests)
    if (test.name == name) return &test;
  return nullptr;
}

}  // namespace sluice::chat::jinja
