#include "chat/jinja/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "chat/jinja/operations.h"
#include "chat/jinja/unicode.h"

namespace sluice::chat::jinja {

Value FromJson(Runtime& runtime, const nlohmann::ordered_json& json) {
  Runtime::Depth depth(runtime);
  using Type = nlohmann::ordered_json::value_t;
  switch (json.type()) {
    case Type::boolean:
      return Value::Bool(json.get<bool>());
    case Type::number_integer:
      return Value::Int(json.get<int64_t>());
    case Type::number_unsigned: {
      const auto number = json.get<uint64_t>();
      if (number > INT64_MAX) return Value::Float(static_cast<double>(number));
      return Value::Int(static_cast<int64_t>(number));
    }
    case Type::number_float:
      return Value::Float(json.get<double>());
    case Type::string:
      return runtime.String(json.get_ref<const std::string&>());
    case Type::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const auto& item : json) items.push_back(FromJson(runtime, item));
      return runtime.List(std::move(items));
    }
    case Type::object: {
      Value dict = runtime.Dict();
      for (const auto& [key, value] : json.items())
        dict.dict().Set(runtime.String(key), FromJson(runtime, value));
      return dict;
    }
    default:
      return Value::None();
  }
}

namespace {

std::string FloatJson(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  return FloatRepr(number);
}

void AppendUnicodeEscape(std::string& out, char32_t c) {
  if (c > 0xffff) {
    c -= 0x10000;
    fmt::format_to(std::back_inserter(out), "\\u{:04x}\\u{:04x}", 0xd800u + static_cast<uint32_t>(c >> 10),
                   0xdc00u + static_cast<uint32_t>(c & 0x3ff));
  } else {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<uint32_t>(c));
  }
}

void AppendQuoted(std::string& out, std::string_view text, bool ensure_ascii) {
  constexpr std::string_view kFrom = "\"\\\n\r\t\f\b", kTo = "\"\\nrtfb";
  out += '"';
  for (size_t position = 0; position < text.size();) {
    const char byte = text[position];
    if (const size_t simple = kFrom.find(byte); simple != std::string_view::npos) {
      out += '\\';
      out += kTo[simple];
      ++position;
    } else if (static_cast<unsigned char>(byte) < 0x20) {
      AppendUnicodeEscape(out, static_cast<unsigned char>(byte));
      ++position;
    } else if (static_cast<unsigned char>(byte) < 0x80) {
      out += byte;
      ++position;
    } else if (ensure_ascii) {
      AppendUnicodeEscape(out, NextChar(text, position));
    } else {
      AppendChar(out, NextChar(text, position));
    }
  }
  out += '"';
}

class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, const JsonStyle& style) : runtime_(runtime), style_(style) {}

  std::string Run(const Value& value) {
    Write(value, 1);
    return std::move(out_);
  }

 private:
  Runtime& runtime_;
  const JsonStyle& style_;
  std::string out_;

  void Write(const Value& value, int level) {
    runtime_.Step();
    runtime_.CheckOutput(out_.size());
    switch (value.kind) {
      case Kind::kNone:
        out_ += "null";
        return;
      case Kind::kBool:
        out_ += value.boolean ? "true" : "false";
        return;
      case Kind::kInt:
        out_ += std::to_string(value.integer);
        return;
      case Kind::kFloat:
        out_ += FloatJson(value.number);
        return;
      case Kind::kString:
        AppendQuoted(out_, value.text(), style_.ensure_ascii);
        return;
      case Kind::kList:
      case Kind::kTuple:
        WriteList(value.items(), level);
        return;
      case Kind::kDict:
        WriteDict(value.dict(), level);
        return;
      default:
        ThrowType(fmt::format("Object of type {} is not JSON serializable", TypeName(value)));
    }
  }

  void NewLine(int level) {
    if (!style_.pretty) return;
    out_ += '\n';
    for (int i = 0; i < level; ++i) out_ += style_.indent;
  }

  void WriteList(const std::vector<Value>& items, int level) {
    Runtime::Depth depth(runtime_);
    out_ += '[';
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_ += style_.item_separator;
      NewLine(level);
      Write(items[i], level + 1);
    }
    if (!items.empty()) NewLine(level - 1);
    out_ += ']';
  }

  void WriteDict(const DictObject& dict, int level) {
    Runtime::Depth depth(runtime_);
    auto entries = dict.entries;
    if (style_.sort_keys)
      std::stable_sort(entries.begin(), entries.end(),
                       [this](const auto& a, const auto& b) { return Less(runtime_, a.first, b.first); });
    out_ += '{';
    for (size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) out_ += style_.item_separator;
      NewLine(level);
      AppendQuoted(out_, Key(entries[i].first), style_.ensure_ascii);
      out_ += style_.key_separator;
      Write(entries[i].second, level + 1);
    }
    if (!entries.empty()) NewLine(level - 1);
    out_ += '}';
  }

  std::string Key(const Value& key) {
    switch (key.kind) {
      case Kind::kString:
        return key.text();
      case Kind::kNone:
        return "null";
      case Kind::kBool:
        return key.boolean ? "true" : "false";
      case Kind::kInt:
        return std::to_string(key.integer);
      case Kind::kFloat:
        return FloatJson(key.number);
      default:
        ThrowType(fmt::format("keys must be str, int, float, bool or None, not {}", TypeName(key)));
    }
  }
};

}  // namespace

std::string ToJson(Runtime& runtime, const Value& value, const JsonStyle& style) {
  return JsonWriter(runtime, style).Run(value);
}

}  // namespace sluice::chat::jinja
