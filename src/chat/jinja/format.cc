// "%s" % value and "{}".format(value), after Python's rules.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "chat/jinja/operations.h"
#include "chat/jinja/unicode.h"

namespace sluice::chat::jinja {
namespace {

constexpr int64_t kMaxPrecision = 1000;

struct Spec {
  std::string fill = " ";
  char align = 0;  // < > ^ =
  char sign = '-';
  bool alternate = false;
  bool zero = false;
  char grouping = 0;  // , or _
  int64_t width = 0;
  int64_t precision = -1;
  char type = 0;
};

[[noreturn]] void Bad(std::string message) { throw Failure(FailureKind::kValue, std::move(message)); }

int64_t ReadNumber(std::string_view text, size_t& position) {
  int64_t number = 0;
  while (position < text.size() && text[position] >= '0' && text[position] <= '9') {
    number = number * 10 + (text[position++] - '0');
    if (number > 1 << 30) Bad("Too many decimal digits in format string");
  }
  return number;
}

std::string GroupDigits(const std::string& digits, char separator, size_t group) {
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % group == 0) out += separator;
    out += digits[i];
  }
  return out;
}

// Sign, prefix and digits of an integer in the spec's base.
std::string IntegerDigits(int64_t number, const Spec& spec, std::string* prefix) {
  const uint64_t magnitude = number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
  std::string digits;
  switch (spec.type) {
    case 'x':
      digits = fmt::format("{:x}", magnitude);
      break;
    case 'X':
      digits = fmt::format("{:X}", magnitude);
      break;
    case 'o':
      digits = fmt::format("{:o}", magnitude);
      break;
    case 'b':
      digits = fmt::format("{:b}", magnitude);
      break;
    default:
      digits = std::to_string(magnitude);
  }
  if (spec.alternate && (spec.type == 'x' || spec.type == 'X' || spec.type == 'o' || spec.type == 'b'))
    *prefix = std::string("0") + spec.type;
  if (spec.grouping) digits = GroupDigits(digits, spec.grouping, prefix->empty() && spec.type != 'x' ? 3 : 4);
  return digits;
}

std::string FloatDigits(double magnitude, const Spec& spec) {
  if (spec.precision > kMaxPrecision) Bad("precision too big");
  const char type = spec.type == '%' || spec.type == 0 || spec.type == 'F' || spec.type == 'n'
                        ? (spec.type == 'n' ? 'g' : 'f')
                        : spec.type;
  if (spec.type == 0 && spec.precision < 0) return FloatRepr(magnitude);
  const int precision = spec.precision < 0 ? 6 : static_cast<int>(spec.precision);
  const char format[] = {'%', '.', '*', spec.type == 0 ? 'g' : type, 0};
  char buffer[1400];
  std::snprintf(buffer, sizeof(buffer), format, precision, spec.type == '%' ? magnitude * 100 : magnitude);
  std::string digits = buffer;
  if (spec.type == '%') digits += '%';
  if (spec.grouping) {
    const size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
    digits = GroupDigits(digits.substr(0, whole), spec.grouping, 3) + digits.substr(whole);
  }
  return digits;
}

std::string Pad(Runtime& runtime, const std::string& head, const std::string& body, const Spec& spec,
                char align) {
  const int64_t size = CharCount(head) + CharCount(body);
  if (spec.width <= size) return head + body;
  const int64_t pad = spec.width - size;
  runtime.Charge(static_cast<size_t>(pad) * spec.fill.size());
  const auto fill = [&](int64_t count) {
    std::string out;
    for (int64_t i = 0; i < count; ++i) out += spec.fill;
    return out;
  };
  switch (align) {
    case '<':
      return head + body + fill(pad);
    case '^':
      return fill(pad / 2) + head + body + fill(pad - pad / 2);
    case '=':
      return head + fill(pad) + body;
    default:
      return fill(pad) + head + body;
  }
}

std::string FormatNumber(Runtime& runtime, const Value& value, Spec spec) {
  const bool as_float =
      value.Is(Kind::kFloat) || std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos;
  std::string sign, digits;
  bool negative;
  if (as_float && spec.type != 'd') {
    const double number = value.AsFloat();
    negative = std::signbit(number) && !std::isnan(number);
    digits = FloatDigits(std::fabs(number), spec);
  } else {
    const int64_t number = value.Is(Kind::kFloat) ? static_cast<int64_t>(value.number) : value.AsInt();
    negative = number < 0;
    digits = IntegerDigits(number, spec, &sign);
  }
  sign = (negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign)) + sign;
  if (spec.zero) spec.fill = "0";
  return Pad(runtime, sign, digits, spec, spec.align ? spec.align : spec.zero ? '=' : '>');
}

std::string FormatText(Runtime& runtime, std::string_view text, const Spec& spec) {
  if (spec.precision >= 0) text = text.substr(0, CharOffset(text, spec.precision));
  return Pad(runtime, "", std::string(text), spec, spec.align ? spec.align : '<');
}

// ---- {} ----

Spec ParseSpec(std::string_view text) {
  Spec spec;
  size_t position = 0;
  const auto is_align = [](char c) { return c == '<' || c == '>' || c == '^' || c == '='; };
  if (!text.empty()) {
    size_t next = 0;
    NextChar(text, next);
    if (next < text.size() && is_align(text[next])) {
      spec.fill = text.substr(0, next);
      spec.align = text[next];
      position = next + 1;
    } else if (is_align(text[0])) {
      spec.align = text[position++];
    }
  }
  const auto take = [&](char c) { return position < text.size() && text[position] == c && ++position; };
  if (take('+'))
    spec.sign = '+';
  else if (take(' '))
    spec.sign = ' ';
  else
    take('-');
  spec.alternate = take('#');
  spec.zero = take('0');
  spec.width = ReadNumber(text, position);
  if (take(','))
    spec.grouping = ',';
  else if (take('_'))
    spec.grouping = '_';
  if (take('.')) spec.precision = ReadNumber(text, position);
  if (position < text.size()) spec.type = text[position++];
  if (position != text.size()) Bad(fmt::format("Invalid format specifier '{}'", text));
  return spec;
}

std::string FormatWithSpec(Runtime& runtime, const Value& value, std::string_view text) {
  if (text.empty()) return ToText(runtime, value);
  const Spec spec = ParseSpec(text);
  if (value.IsNumber() && !(value.Is(Kind::kBool) && spec.type == 's')) {
    constexpr std::string_view kIntegerTypes = "dxXobnc", kFloatTypes = "eEfFgG%n";
    if (spec.type != 0 && kFloatTypes.find(spec.type) == std::string_view::npos &&
        (value.Is(Kind::kFloat) || kIntegerTypes.find(spec.type) == std::string_view::npos))
      Bad(fmt::format("Unknown format code '{}' for object of type '{}'", spec.type, TypeName(value)));
    return FormatNumber(runtime, value, spec);
  }
  if (!value.Is(Kind::kString))
    ThrowType(fmt::format("unsupported format string passed to {}.__format__", TypeName(value)));
  if (spec.type != 0 && spec.type != 's')
    Bad(fmt::format("Unknown format code '{}' for object of type 'str'", spec.type));
  return FormatText(runtime, value.text(), spec);
}

class BraceFormatter {
 public:
  BraceFormatter(Runtime& runtime, const Args& args) : runtime_(runtime), args_(args) {}

  std::string Format(std::string_view format, int depth = 0) {
    if (depth > 2) Bad("Max string recursion exceeded");
    std::string out;
    for (size_t i = 0; i < format.size(); ++i) {
      const char c = format[i];
      if (c != '{' && c != '}') {
        out += c;
      } else if (i + 1 < format.size() && format[i + 1] == c) {
        out += c;
        ++i;
      } else if (c == '}') {
        Bad("Single '}' encountered in format string");
      } else {
        const size_t end = FieldEnd(format, i);
        out += Field(format.substr(i + 1, end - i - 1), depth);
        i = end;
      }
      runtime_.CheckOutput(out.size());
    }
    return out;
  }

 private:
  Runtime& runtime_;
  const Args& args_;
  size_t next_ = 0;  // the argument that "{}" takes

  static size_t FieldEnd(std::string_view format, size_t begin) {
    int depth = 0;
    for (size_t i = begin; i < format.size(); ++i) {
      if (format[i] == '{') ++depth;
      if (format[i] == '}' && --depth == 0) return i;
    }
    Bad("expected '}' before end of string");
  }

  std::string Field(std::string_view field, int depth) {
    const size_t mark = field.find_first_of("!:");
    const std::string_view name = field.substr(0, mark);
    std::string_view rest = mark == std::string_view::npos ? std::string_view() : field.substr(mark);
    Value value = Lookup(name);
    if (rest.starts_with('!')) {
      const char conversion = rest.size() > 1 ? rest[1] : 0;
      if (conversion != 'r' && conversion != 's' && conversion != 'a') Bad("unknown conversion specifier");
      value = runtime_.String(conversion == 's' ? ToText(runtime_, value) : Repr(runtime_, value));
      rest.remove_prefix(2);
    }
    if (!rest.empty() && rest[0] != ':') Bad("expected ':' after conversion specifier");
    if (!rest.empty()) rest.remove_prefix(1);
    return FormatWithSpec(runtime_, value, Format(rest, depth + 1));
  }

  Value Lookup(std::string_view name) {
    size_t position = std::min(name.find_first_of(".["), name.size());
    Value value = Argument(name.substr(0, position));
    while (position < name.size()) {
      if (name[position] == '.') {
        const size_t end = std::min(name.find_first_of(".[", position + 1), name.size());
        value = GetAttribute(runtime_, value, name.substr(position + 1, end - position - 1));
        position = end;
      } else {
        const size_t end = name.find(']', position);
        if (end == std::string_view::npos) Bad("Missing ']' in format string");
        value = GetItem(runtime_, value, Key(name.substr(position + 1, end - position - 1)));
        position = end + 1;
      }
    }
    return value;
  }

  Value Key(std::string_view text) {
    size_t position = 0;
    const int64_t number = ReadNumber(text, position);
    return !text.empty() && position == text.size() ? Value::Int(number) : runtime_.String(std::string(text));
  }

  Value Argument(std::string_view name) {
    size_t position = 0;
    size_t index = name.empty() ? next_++ : static_cast<size_t>(ReadNumber(name, position));
    if (position == name.size()) {
      if (index >= args_.positional.size()) Bad("Replacement index out of range for positional args tuple");
      return args_.positional[index];
    }
    for (const auto& [key, value] : args_.named)
      if (key == name) return value;
    Bad(fmt::format("KeyError: '{}'", name));
  }
};

// ---- % ----

class PercentFormatter {
 public:
  PercentFormatter(Runtime& runtime, const Value& argument) : runtime_(runtime), argument_(argument) {
    if (argument.Is(Kind::kTuple))
      values_ = argument.items();
    else
      values_ = {argument};
  }

  std::string Format(std::string_view format) {
    std::string out;
    for (size_t i = 0; i < format.size(); ++i) {
      if (format[i] != '%') {
        out += format[i];
        continue;
      }
      out += Conversion(format, ++i);
      runtime_.CheckOutput(out.size());
    }
    const bool mapping =
        argument_.Is(Kind::kDict) || argument_.Is(Kind::kList) || argument_.Is(Kind::kUndefined);
    if (!mapping && next_ < values_.size()) ThrowType("not all arguments converted during string formatting");
    return out;
  }

 private:
  Runtime& runtime_;
  const Value& argument_;
  std::vector<Value> values_;
  size_t next_ = 0;

  Value Next() {
    if (next_ >= values_.size()) ThrowType("not enough arguments for format string");
    return values_[next_++];
  }

  int64_t NumberOrStar(std::string_view format, size_t& i) {
    if (i >= format.size() || format[i] != '*') return ReadNumber(format, i);
    ++i;
    const Value value = Next();
    if (!value.IsInteger()) ThrowType("* wants int");
    return value.AsInt();
  }

  // `i` stands behind the '%', and is left on the conversion's last character.
  std::string Conversion(std::string_view format, size_t& i) {
    std::optional<Value> named;
    if (i < format.size() && format[i] == '(') {
      const size_t end = format.find(')', i);
      if (end == std::string_view::npos || !argument_.Is(Kind::kDict)) ThrowType("format requires a mapping");
      named = GetItem(runtime_, argument_, runtime_.String(std::string(format.substr(i + 1, end - i - 1))));
      i = end + 1;
    }
    Spec spec;
    for (; i < format.size() && std::string_view("-+ #0").find(format[i]) != std::string_view::npos; ++i) {
      if (format[i] == '-') spec.align = '<';
      if (format[i] == '+') spec.sign = '+';
      if (format[i] == ' ' && spec.sign != '+') spec.sign = ' ';
      if (format[i] == '#') spec.alternate = true;
      if (format[i] == '0') spec.zero = true;
    }
    spec.width = NumberOrStar(format, i);
    if (spec.width < 0) {
      spec.align = '<';
      spec.width = -spec.width;
    }
    if (i < format.size() && format[i] == '.')
      spec.precision = std::max<int64_t>(0, NumberOrStar(format, ++i));
    if (i >= format.size()) Bad("incomplete format");
    spec.type = format[i];
    if (spec.type == '%') return "%";
    if (spec.align == '<') spec.zero = false;
    return Convert(named ? *named : Next(), spec);
  }

  std::string Convert(const Value& value, Spec spec) {
    if (!spec.align) spec.align = spec.zero ? '=' : '>';
    switch (spec.type) {
      case 's':
        return FormatText(runtime_, ToText(runtime_, value), TextSpec(spec));
      case 'r':
      case 'a':
        return FormatText(runtime_, Repr(runtime_, value), TextSpec(spec));
      case 'c':
        if (value.IsInteger()) {
          std::string text;
          AppendChar(text, static_cast<char32_t>(value.AsInt()));
          return FormatText(runtime_, text, TextSpec(spec));
        }
        return FormatText(runtime_, ToText(runtime_, value), TextSpec(spec));
      default:
        return ConvertNumber(value, spec);
    }
  }

  static Spec TextSpec(Spec spec) {
    if (spec.align == '=') spec.align = '>';
    return spec;
  }

  std::string ConvertNumber(const Value& value, Spec spec) {
    if (value.Is(Kind::kUndefined)) ThrowUndefined(value);
    if (spec.type == 'i' || spec.type == 'u') spec.type = 'd';
    if (std::string_view("dxXoeEfFgG").find(spec.type) == std::string_view::npos)
      Bad(fmt::format("unsupported format character '{}'", spec.type));
    if (!value.IsNumber())
      ThrowType(fmt::format("%{} format: a number is required, not {}", spec.type, TypeName(value)));
    const bool integral = std::string_view("xXo").find(spec.type) != std::string_view::npos;
    if (integral && value.Is(Kind::kFloat))
      ThrowType(fmt::format("%{} format: an integer is required, not float", spec.type));
    if (spec.type == 'd' && value.Is(Kind::kFloat) && !(std::fabs(value.number) < 9.2e18))
      throw Failure(FailureKind::kOverflow, "cannot convert the float to an integer of 64 bits");
    return FormatNumber(runtime_, value, spec);
  }
};

}  // namespace

std::string FormatBraces(Runtime& runtime, std::string_view format, const Args& args) {
  return BraceFormatter(runtime, args).Format(format);
}

std::string FormatPercent(Runtime& runtime, std::string_view format, const Value& argument) {
  return PercentFormatter(runtime, argument).Format(format);
}

}  // namespace sluice::chat::jinja
