// Filters on numbers and on any value.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "chat/jinja/filters.h"
#include "chat/jinja/json.h"
#include "chat/jinja/methods.h"
#include "chat/jinja/params.h"
#include "chat/jinja/unicode.h"

namespace sluice::chat::jinja {
namespace {

Value Abs(Runtime&, const Value& value, const Args& args) {
  Params("abs", args, {});
  if (value.Is(Kind::kUndefined)) ThrowUndefined(value);
  if (!value.IsNumber()) ThrowType(fmt::format("bad operand type for abs(): '{}'", TypeName(value)));
  if (value.Is(Kind::kFloat)) return Value::Float(std::fabs(value.number));
  return value.AsInt() < 0 ? Negate(value) : Value::Int(value.AsInt());
}

// round(number, digits), half to even, by way of the shortest decimal that rounds right.
double RoundFloat(double number, int64_t digits) {
  if (!std::isfinite(number) || digits > 300) return number;
  if (digits < -308) return std::copysign(0.0, number);
  if (digits < 0) {
    const double scale = std::pow(10.0, static_cast<double>(-digits));
    return std::nearbyint(number / scale) * scale;
  }
  return std::strtod(fmt::format("{:.{}f}", number, digits).c_str(), nullptr);
}

Value RoundInteger(Runtime& runtime, int64_t number, int64_t digits) {
  if (digits >= 0) return Value::Int(number);
  if (digits < -18) return Value::Int(0);
  int64_t scale = 1;
  for (int64_t i = 0; i < -digits; ++i) scale *= 10;
  const Value remainder = Binary(runtime, BinaryOperator::kModulo, Value::Int(number), Value::Int(scale));
  const int64_t rest = remainder.integer, down = number - rest;
  const bool up = rest * 2 > scale || (rest * 2 == scale && down / scale % 2 != 0);
  return Binary(runtime, BinaryOperator::kAdd, Value::Int(down), Value::Int(up ? scale : 0));
}

Value Round(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("round", args, {"precision", "method"});
  static const std::string kCommon = "common";
  const std::string& method = params.Text(1, kCommon);
  const int64_t digits = params.Int(0, 0);
  if (value.Is(Kind::kUndefined)) ThrowUndefined(value);
  if (!value.IsNumber()) ThrowType(fmt::format("type {} doesn't define __round__ method", TypeName(value)));
  if (method == "common")
    return value.IsInteger() ? RoundInteger(runtime, value.AsInt(), digits)
                             : Value::Float(RoundFloat(value.number, digits));
  if (method != "ceil" && method != "floor")
    throw Failure(FailureKind::kValue, "method must be common, ceil or floor");
  const double scale = std::pow(10.0, static_cast<double>(digits));
  const double scaled = value.AsFloat() * scale;
  return Value::Float((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

// An integer in Python's spelling: sign, underscores between digits, any decimal digits, base prefix.
std::optional<int64_t> ParseInteger(std::string_view text, int64_t base) {
  text = StripLeft(StripRight(text));
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const auto has_prefix = [&](char letter) {
    return text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == letter;
  };
  const std::pair<char, int64_t> prefixes[] = {{'x', 16}, {'o', 8}, {'b', 2}};
  for (const auto& [letter, of] : prefixes) {
    if (!has_prefix(letter) || (base != of && base != 0)) continue;
    base = of;
    text.remove_prefix(2);
    break;
  }
  if (base == 0) base = 10;
  if (text.empty() || base < 2 || base > 36) return std::nullopt;
  int64_t number = 0;
  bool digit_before = false;
  for (size_t position = 0; position < text.size();) {
    const char32_t c = NextChar(text, position);
    if (c == '_' && digit_before && position < text.size()) {
      digit_before = false;
      continue;
    }
    const char32_t lower = c | 0x20;
    const int digit = lower >= 'a' && lower <= 'z' ? static_cast<int>(lower - 'a') + 10 : DecimalValue(c);
    if (digit < 0 || digit >= base) return std::nullopt;
    if (__builtin_mul_overflow(number, base, &number) || __builtin_sub_overflow(number, digit, &number))
      throw Failure(FailureKind::kOverflow, "the number does not fit 64 bits");
    digit_before = true;
  }
  if (negative) return number;
  if (number == INT64_MIN) throw Failure(FailureKind::kOverflow, "the number does not fit 64 bits");
  return -number;
}

std::optional<double> ParseFloat(std::string_view text) {
  text = StripLeft(StripRight(text));
  std::string plain;
  for (size_t position = 0; position < text.size();) {
    const char32_t c = NextChar(text, position);
    const int digit = DecimalValue(c);
    if (digit >= 0)
      plain += static_cast<char>('0' + digit);
    else if (c < 0x80 && c != '_')
      plain += static_cast<char>(c);
    else if (c != '_')
      return std::nullopt;
  }
  std::string_view body = plain;
  bool negative = false;
  if (!body.empty() && (body[0] == '-' || body[0] == '+')) {
    negative = body[0] == '-';
    body.remove_prefix(1);
  }
  if (body.empty() || body[0] == '-' || body[0] == '+') return std::nullopt;
  double number = 0;
  const auto result = std::from_chars(body.data(), body.data() + body.size(), number);
  if (result.ptr != body.data() + body.size()) return std::nullopt;
  if (result.ec == std::errc::result_out_of_range)
    number = std::strtod(std::string(body).c_str(), nullptr);
  else if (result.ec != std::errc())
    return std::nullopt;
  return negative ? -number : number;
}

std::optional<int64_t> Truncate(double number) {
  if (std::isnan(number) || std::isinf(number)) return std::nullopt;
  if (std::fabs(number) >= 9.2e18) throw Failure(FailureKind::kOverflow, "the number does not fit 64 bits");
  return static_cast<int64_t>(number);
}

Value ToInteger(Runtime&, const Value& value, const Args& args) {
  const Params params("int", args, {"default", "base"});
  const Value fallback = params.Or(0, Value::Int(0));
  if (value.Is(Kind::kUndefined)) ThrowUndefined(value);
  if (value.IsInteger()) return Value::Int(value.AsInt());
  std::optional<double> number;
  if (value.Is(Kind::kFloat)) number = value.number;
  if (value.Is(Kind::kString)) {
    if (const auto integer = ParseInteger(value.text(), params.Int(1, 10))) return Value::Int(*integer);
    number = ParseFloat(value.text());
  }
  if (!number) return fallback;
  const auto integer = Truncate(*number);
  return integer ? Value::Int(*integer) : fallback;
}

Value ToFloat(Runtime&, const Value& value, const Args& args) {
  const Params params("float", args, {"default"});
  if (value.Is(Kind::kUndefined)) ThrowUndefined(value);
  if (value.IsNumber()) return Value::Float(value.AsFloat());
  if (value.Is(Kind::kString))
    if (const auto number = ParseFloat(value.text())) return Value::Float(*number);
  return params.Or(0, Value::Float(0));
}

Value Default(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("default", args, {"default_value", "boolean"});
  if (value.Is(Kind::kUndefined) || (params.Flag(1, false) && !Truthy(value)))
    return params.Given(0) ? *params[0] : runtime.String("");
  return value;
}

Value AttributeFilter(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("attr", args, {"name"}, 1);
  static const std::string kNone;
  // Only true attributes: a dictionary's keys are none.
  if (value.Is(Kind::kDict) && FindContainerMethod(Kind::kDict, params.Text(0, kNone)) == nullptr)
    return runtime.Undefined(fmt::format("'dict object' has no attribute '{}'", params.Text(0, kNone)));
  return GetAttribute(runtime, value, params.Text(0, kNone));
}

JsonStyle StyleFrom(Runtime& runtime, const Params& params) {
  JsonStyle style;
  style.ensure_ascii = params.Flag(0, false);
  style.sort_keys = params.Flag(3, false);
  if (params.Given(1) && !params[1]->Is(Kind::kNone)) {
    style.pretty = true;
    style.item_separator = ",";
    if (params[1]->Is(Kind::kString)) {
      style.indent = params[1]->text();
    } else {
      const int64_t width = std::max<int64_t>(0, params.Int(1, 0));
      runtime.Charge(static_cast<size_t>(width));
      style.indent.assign(static_cast<size_t>(width), ' ');
    }
  }
  if (params.Given(2) && !params[2]->Is(Kind::kNone)) {
    const std::vector<Value> separators = Walk(runtime, *params[2]);
    if (separators.size() != 2) throw Failure(FailureKind::kValue, "separators must hold two strings");
    style.item_separator = ToText(runtime, separators[0]);
    style.key_separator = ToText(runtime, separators[1]);
  }
  return style;
}

Value ToJsonFilter(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("tojson", args, {"ensure_ascii", "indent", "separators", "sort_keys"});
  return runtime.String(ToJson(runtime, value, StyleFrom(runtime, params)));
}

Value FileSize(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("filesizeformat", args, {"binary"});
  const bool binary = params.Flag(0, false);
  if (!value.IsNumber() && !value.Is(Kind::kString))
    ThrowType(fmt::format("filesizeformat expects a number, not {}", TypeName(value)));
  const double bytes = ToFloat(runtime, value, {}).number, base = binary ? 1024 : 1000;
  constexpr std::string_view kPrefixes = "kMGTPEZY";
  if (bytes == 1) return runtime.String("1 Byte");
  if (bytes < base) return runtime.String(fmt::format("{} Bytes", static_cast<int64_t>(bytes)));
  double unit = base * base;
  size_t i = 0;
  while (bytes >= unit && i + 1 < kPrefixes.size()) {
    unit *= base;
    ++i;
  }
  const char prefix = binary && i == 0 ? 'K' : kPrefixes[i];
  return runtime.String(fmt::format("{:.1f} {}{}B", base * bytes / unit, prefix, binary ? "i" : ""));
}

// pprint of what fits one line; keys are sorted, as pprint does.
Value PrettyPrint(Runtime& runtime, const Value& value, const Args& args) {
  Params("pprint", args, {"verbose"});
  if (!value.Is(Kind::kDict)) return runtime.String(Repr(runtime, value));
  Value sorted = runtime.Dict();
  auto entries = value.dict().entries;
  std::stable_sort(entries.begin(), entries.end(),
                   [&](const auto& a, const auto& b) { return Less(runtime, a.first, b.first); });
  for (const auto& [key, item] : entries) sorted.dict().Set(key, item);
  return runtime.String(Repr(runtime, sorted));
}

constexpr Filter kFilters[] = {
    {"abs", Abs},
    {"attr", AttributeFilter},
    {"d", Default},
    {"default", Default},
    {"filesizeformat", FileSize},
    {"float", ToFloat},
    {"int", ToInteger},
    {"pprint", PrettyPrint},
    {"round", Round},
    {"tojson", ToJsonFilter},
};

}  // namespace

const Filter* FindValueFilter(std::string_view name) {
  for (const Filter& filter : kFilters)
    if (filter.name == name) return &filter;
  return nullptr;
}

}  // namespace sluice::chat::jinja
