#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "chat/jinja/operations.h"
#include "chat/jinja/unicode.h"

namespace sluice::chat::jinja {

std::string FloatRepr(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), number, std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<size_t>(end - buffer));
  const size_t e = text.find('e');
  int exponent = 0;
  const char* digits_of_exponent = text.data() + e + 1 + (text[e + 1] == '+');
  std::from_chars(digits_of_exponent, text.data() + text.size(), exponent);
  if (exponent < -4 || exponent >= 16)
    return fmt::format("{}e{}{:02}", text.substr(0, e), exponent < 0 ? '-' : '+', std::abs(exponent));
  char fixed[48];
  const auto fixed_end = std::to_chars(fixed, fixed + sizeof(fixed), number, std::chars_format::fixed).ptr;
  std::string out(fixed, static_cast<size_t>(fixed_end - fixed));
  if (out.find('.') == std::string::npos) out += ".0";
  return out;
}

namespace {

void AppendEscaped(std::string& out, char32_t c) {
  if (c == '\n')
    out += "\\n";
  else if (c == '\r')
    out += "\\r";
  else if (c == '\t')
    out += "\\t";
  else if (c <= 0xff)
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<uint32_t>(c));
  else if (c <= 0xffff)
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<uint32_t>(c));
  else
    fmt::format_to(std::back_inserter(out), "\\U{:08x}", static_cast<uint32_t>(c));
}

void AppendStringRepr(std::string& out, std::string_view text) {
  const bool double_quotes =
      text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char32_t quote = double_quotes ? '"' : '\'';
  AppendChar(out, quote);
  for (size_t position = 0; position < text.size();) {
    const char32_t c = NextChar(text, position);
    if (c == quote || c == '\\') {
      out += '\\';
      AppendChar(out, c);
    } else if (IsPrintable(c)) {
      AppendChar(out, c);
    } else {
      AppendEscaped(out, c);
    }
  }
  AppendChar(out, quote);
}

void AppendBytesRepr(std::string& out, std::string_view bytes) {
  out += "b'";
  for (const char byte : bytes) {
    if (byte == '\'' || byte == '\\')
      out += fmt::format("\\{}", byte);
    else if (byte >= ' ' && byte < 0x7f)
      out += byte;
    else
      AppendEscaped(out, static_cast<unsigned char>(byte));
  }
  out += '\'';
}

class Writer {
 public:
  Writer(Runtime& runtime, std::string& out) : runtime_(runtime), out_(out) {}

  void Write(const Value& value) {
    runtime_.Step();
    runtime_.CheckOutput(out_.size());
    switch (value.kind) {
      case Kind::kUndefined:
        out_ += "Undefined";
        return;
      case Kind::kNone:
        out_ += "None";
        return;
      case Kind::kBool:
        out_ += value.boolean ? "True" : "False";
        return;
      case Kind::kInt:
        out_ += std::to_string(value.integer);
        return;
      case Kind::kFloat:
        out_ += FloatRepr(value.number);
        return;
      case Kind::kString:
        WriteString(value);
        return;
      case Kind::kBytes:
        AppendBytesRepr(out_, value.text());
        return;
      default:
        WriteContainer(value);
    }
  }

 private:
  Runtime& runtime_;
  std::string& out_;

  void WriteString(const Value& value) {
    if (value.markup()) out_ += "Markup(";
    AppendStringRepr(out_, value.text());
    if (value.markup()) out_ += ')';
  }

  void WriteContainer(const Value& value) {
    Runtime::Depth depth(runtime_);
    switch (value.kind) {
      case Kind::kList:
        WriteItems("[", value.items(), "]");
        return;
      case Kind::kTuple:
        WriteItems("(", value.items(), value.items().size() == 1 ? ",)" : ")");
        return;
      case Kind::kDict:
        WriteDict(value.dict());
        return;
      case Kind::kView:
        out_ += value.view().name;
        WriteItems("([", value.view().items, "])");
        return;
      case Kind::kRange:
        WriteRange(value.range());
        return;
      default:
        out_ += fmt::format("<{} object>", TypeName(value));
    }
  }

  void WriteItems(std::string_view open, const std::vector<Value>& items, std::string_view close) {
    out_ += open;
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_ += ", ";
      Write(items[i]);
    }
    out_ += close;
  }

  void WriteDict(const DictObject& dict) {
    out_ += '{';
    for (size_t i = 0; i < dict.entries.size(); ++i) {
      if (i > 0) out_ += ", ";
      Write(dict.entries[i].first);
      out_ += ": ";
      Write(dict.entries[i].second);
    }
    out_ += '}';
  }

  void WriteRange(const RangeObject& range) {
    out_ += range.step == 1 ? fmt::format("range({}, {})", range.start, range.stop)
                            : fmt::format("range({}, {}, {})", range.start, range.stop, range.step);
  }
};

}  // namespace

std::string Repr(Runtime& runtime, const Value& value) {
  std::string out;
  Writer(runtime, out).Write(value);
  return out;
}

void AppendText(Runtime& runtime, std::string& out, const Value& value) {
  switch (value.kind) {
    case Kind::kUndefined:
      return;
    case Kind::kString:
      out += value.text();
      break;
    default:
      Writer(runtime, out).Write(value);
  }
  runtime.CheckOutput(out.size());
}

std::string ToText(Runtime& runtime, const Value& value) {
  std::string out;
  AppendText(runtime, out, value);
  return out;
}

}  // namespace sluice::chat::jinja
