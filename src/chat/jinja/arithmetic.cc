#include <fmt/format.h>

#include <cmath>

#include "chat/jinja/operations.h"

namespace sluice::chat::jinja {
namespace {

constexpr std::string_view kSymbols[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

std::string_view Symbol(BinaryOperator op) { return kSymbols[static_cast<size_t>(op)]; }

[[noreturn]] void ThrowUnsupported(BinaryOperator op, const Value& a, const Value& b) {
  ThrowType(
      fmt::format("unsupported operand type(s) for {}: '{}' and '{}'", Symbol(op), TypeName(a), TypeName(b)));
}
[[noreturn]] void ThrowOverflow(BinaryOperator op) {
  throw Failure(FailureKind::kOverflow, fmt::format("the result of {} does not fit 64 bits", Symbol(op)));
}
[[noreturn]] void ThrowZero(std::string_view what) {
  throw Failure(FailureKind::kZeroDivision, std::string(what));
}

double FloatPower(double base, double exponent) {
  if (base == 0 && exponent < 0) ThrowZero("0.0 cannot be raised to a negative power");
  const double result = std::pow(base, exponent);
  if (std::isinf(result) && std::isfinite(base) && std::isfinite(exponent))
    throw Failure(FailureKind::kOverflow, "the result of ** is too large for a float");
  if (std::isnan(result) && !std::isnan(base) && !std::isnan(exponent))
    throw Failure(FailureKind::kValue, "a negative number cannot be raised to a fraction");
  return result;
}

Value IntegerPower(int64_t base, int64_t exponent) {
  if (exponent < 0) return Value::Float(FloatPower(static_cast<double>(base), static_cast<double>(exponent)));
  int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) && __builtin_mul_overflow(result, base, &result))
      ThrowOverflow(BinaryOperator::kPower);
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) ThrowOverflow(BinaryOperator::kPower);
  }
  return Value::Int(result);
}

// Quotient rounded down; the remainder has the divisor's sign.
std::pair<int64_t, int64_t> FloorDivide(int64_t a, int64_t b) {
  if (b == 0) ThrowZero("integer division or modulo by zero");
  if (b == -1) {
    if (a == INT64_MIN) ThrowOverflow(BinaryOperator::kFloorDivide);
    return {-a, 0};
  }
  int64_t quotient = a / b, remainder = a % b;
  if (remainder != 0 && (remainder < 0) != (b < 0)) {
    --quotient;
    remainder += b;
  }
  return {quotient, remainder};
}

Value IntegerBinary(BinaryOperator op, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case BinaryOperator::kAdd:
      if (__builtin_add_overflow(a, b, &result)) ThrowOverflow(op);
      return Value::Int(result);
    case BinaryOperator::kSubtract:
      if (__builtin_sub_overflow(a, b, &result)) ThrowOverflow(op);
      return Value::Int(result);
    case BinaryOperator::kMultiply:
      if (__builtin_mul_overflow(a, b, &result)) ThrowOverflow(op);
      return Value::Int(result);
    case BinaryOperator::kDivide:
      if (b == 0) ThrowZero("division by zero");
      return Value::Float(static_cast<double>(a) / static_cast<double>(b));
    case BinaryOperator::kFloorDivide:
      return Value::Int(FloorDivide(a, b).first);
    case BinaryOperator::kModulo:
      return Value::Int(FloorDivide(a, b).second);
    case BinaryOperator::kPower:
      return IntegerPower(a, b);
  }
  return {};
}

double FloatModulo(double a, double b) {
  if (b == 0) ThrowZero("float modulo by zero");
  double remainder = std::fmod(a, b);
  if (remainder != 0 && (remainder < 0) != (b < 0)) remainder += b;
  return remainder == 0 ? std::copysign(0.0, b) : remainder;
}

Value FloatBinary(BinaryOperator op, double a, double b) {
  switch (op) {
    case BinaryOperator::kAdd:
      return Value::Float(a + b);
    case BinaryOperator::kSubtract:
      return Value::Float(a - b);
    case BinaryOperator::kMultiply:
      return Value::Float(a * b);
    case BinaryOperator::kDivide:
      if (b == 0) ThrowZero("float division by zero");
      return Value::Float(a / b);
    case BinaryOperator::kFloorDivide:
      if (b == 0) ThrowZero("float floor division by zero");
      return Value::Float(std::floor(a / b));
    case BinaryOperator::kModulo:
      return Value::Float(FloatModulo(a, b));
    case BinaryOperator::kPower:
      return Value::Float(FloatPower(a, b));
  }
  return {};
}

Value Repeat(Runtime& runtime, const Value& value, int64_t count) {
  const size_t times = count > 0 ? static_cast<size_t>(count) : 0;
  const size_t unit = value.IsSequence() ? value.items().size() * sizeof(Value) : value.text().size();
  size_t bytes = 0;
  if (__builtin_mul_overflow(times, unit, &bytes)) bytes = SIZE_MAX;
  runtime.Charge(bytes);
  if (value.Is(Kind::kString)) {
    std::string text;
    text.reserve(bytes);
    for (size_t i = 0; unit > 0 && i < times; ++i) text += value.text();
    return runtime.String(std::move(text), value.markup());
  }
  std::vector<Value> items;
  for (size_t i = 0; unit > 0 && i < times; ++i)
    items.insert(items.end(), value.items().begin(), value.items().end());
  return value.Is(Kind::kList) ? runtime.List(std::move(items)) : runtime.Tuple(std::move(items));
}

Value AddSequences(Runtime& runtime, const Value& a, const Value& b) {
  runtime.Charge((a.items().size() + b.items().size()) * sizeof(Value));
  std::vector<Value> items = a.items();
  items.insert(items.end(), b.items().begin(), b.items().end());
  return a.Is(Kind::kList) ? runtime.List(std::move(items)) : runtime.Tuple(std::move(items));
}

Value AddStrings(Runtime& runtime, const Value& a, const Value& b) {
  runtime.Charge(a.text().size() + b.text().size());
  if (!a.markup() && !b.markup()) return runtime.String(a.text() + b.text());
  return runtime.String(EscapeHtml(runtime, a).text() + EscapeHtml(runtime, b).text(), true);
}

Value Add(Runtime& runtime, const Value& a, const Value& b) {
  if (a.Is(Kind::kString)) {
    if (b.Is(Kind::kString)) return AddStrings(runtime, a, b);
    ThrowType(fmt::format("can only concatenate str (not \"{}\") to str", TypeName(b)));
  }
  if (a.IsSequence()) {
    if (a.kind == b.kind) return AddSequences(runtime, a, b);
    ThrowType(fmt::format("can only concatenate {0} (not \"{1}\") to {0}", TypeName(a), TypeName(b)));
  }
  ThrowUnsupported(BinaryOperator::kAdd, a, b);
}

bool CanRepeat(const Value& value) { return value.Is(Kind::kString) || value.IsSequence(); }

}  // namespace

Value Binary(Runtime& runtime, BinaryOperator op, const Value& a, const Value& b) {
  if (a.IsInteger() && b.IsInteger()) return IntegerBinary(op, a.AsInt(), b.AsInt());
  if (a.IsNumber() && b.IsNumber()) return FloatBinary(op, a.AsFloat(), b.AsFloat());
  if (op == BinaryOperator::kModulo && a.Is(Kind::kString))
    return runtime.String(FormatPercent(runtime, a.text(), b), a.markup());
  if (a.Is(Kind::kUndefined)) ThrowUndefined(a);
  if (b.Is(Kind::kUndefined)) ThrowUndefined(b);
  if (op == BinaryOperator::kAdd) return Add(runtime, a, b);
  if (op == BinaryOperator::kMultiply) {
    if (CanRepeat(a) && b.IsInteger()) return Repeat(runtime, a, b.AsInt());
    if (CanRepeat(b) && a.IsInteger()) return Repeat(runtime, b, a.AsInt());
  }
  ThrowUnsupported(op, a, b);
}

Value Negate(const Value& value) {
  if (value.Is(Kind::kUndefined)) ThrowUndefined(value);
  if (value.Is(Kind::kFloat)) return Value::Float(-value.number);
  if (!value.IsInteger()) ThrowType(fmt::format("bad operand type for unary -: '{}'", TypeName(value)));
  int64_t result = 0;
  if (__builtin_sub_overflow(int64_t{0}, value.AsInt(), &result)) ThrowOverflow(BinaryOperator::kSubtract);
  return Value::Int(result);
}

Value UnaryPlus(const Value& value) {
  if (value.Is(Kind::kUndefined)) ThrowUndefined(value);
  if (value.Is(Kind::kFloat)) return value;
  if (!value.IsInteger()) ThrowType(fmt::format("bad operand type for unary +: '{}'", TypeName(value)));
  return Value::Int(value.AsInt());
}

}  // namespace sluice::chat::jinja
