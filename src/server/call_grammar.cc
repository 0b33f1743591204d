#include "server/call_grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "constrain/json_schema.h"

namespace sluice::server {

using chat::CallBody;
using constrain::ExpressionId;
using Json = nlohmann::ordered_json;

namespace {

constexpr uint32_t kMostCalls = 16;
const tokenizer::CharSet& AllChars() {
  static const tokenizer::CharSet set{{0, tokenizer::kMaxCodePoint}};
  return set;
}

class CallWriter {
 public:
  CallWriter(constrain::Grammar& grammar, constrain::JsonText& json, const chat::AnswerSyntax& syntax,
             const tokenizer::Tokenizer& tokenizer)
      : grammar_(grammar), json_(json), syntax_(syntax), format_(syntax.calls), tokenizer_(tokenizer) {}

  Result<ExpressionId> All(const ForcedCalls& calls) {
    std::vector<ExpressionId> alternatives;
    for (const Json& tool : calls.tools) {
      SLUICE_TRY(const ExpressionId one, One(tool["function"]));
      alternatives.push_back(one);
    }
    const auto rule = grammar_.AddRule("call");
    grammar_.Define(rule, grammar_.Alternatives(std::move(alternatives)));
    const ExpressionId call = grammar_.Rule(rule);
    if (syntax_.channels) return call;
    const bool list = format_.begin.empty();  // of calls between brackets, but for a bare object
    const bool several = calls.parallel && !(format_.bare && format_.body == CallBody::kJson);
    const auto more = grammar_.Sequence({Text(list ? ", " : ""), call});
    ExpressionId body = grammar_.Sequence({call, grammar_.Repeat(more, 0, several ? kMostCalls - 1 : 0)});
    if (list && !(format_.bare && format_.body == CallBody::kJson))
      body = grammar_.Sequence({Text("["), body, Text("]")});
    if (format_.bare) return body;
    return grammar_.Sequence({Text(format_.section), body, Text(format_.section_end)});
  }

 private:
  constrain::Grammar& grammar_;
  constrain::JsonText& json_;
  const chat::AnswerSyntax& syntax_;
  const chat::CallFormat& format_;
  const tokenizer::Tokenizer& tokenizer_;

  ExpressionId Text(std::string_view text) { return MarkedText(grammar_, syntax_, tokenizer_, text); }

  static bool IsStrict(const Json& function) { return function.value("strict", Json()) == true; }

  Result<ExpressionId> Schema(const Json& function, const Json& root, const std::string& pointer,
                              ExpressionId otherwise) {
    auto schema = constrain::AddJsonSchema(grammar_, json_, root, pointer);
    if (schema || !IsStrict(function)) return schema ? *schema : otherwise;
    return Fail(schema.error().code,
                fmt::format("the parameters of the tool '{}', which is strict, cannot be kept: {}",
                            function["name"].get<std::string>(), schema.error().message));
  }

  Result<ExpressionId> JsonArguments(const Json& function) {
    const Json parameters = function.value("parameters", Json());
    if (!parameters.is_object()) return grammar_.Bytes("{}");
    return Schema(function, parameters, "", json_.Object());
  }

  Result<ExpressionId> One(const Json& function) {
    const std::string name = function["name"];
    if (syntax_.channels) {
      SLUICE_TRY(const ExpressionId arguments, JsonArguments(function));
      return grammar_.Sequence(
          {Text("<|channel|>commentary to=functions." + name + " <|constrain|>json<|message|>"), arguments});
    }
    switch (format_.body) {
      case CallBody::kJson: {
        SLUICE_TRY(const ExpressionId arguments, JsonArguments(function));
        const std::string line = format_.begin.empty() ? "" : "\n";
        return grammar_.Sequence({Text(format_.begin),
                                  Text(line + "{\"name\": \"" + name + "\", \"" +
                                       (format_.bare ? "parameters" : "arguments") + "\": "),
                                  arguments, Text("}" + line), Text(format_.end)});
      }
      case CallBody::kNamed: {
        SLUICE_TRY(const ExpressionId arguments, JsonArguments(function));
        const auto digit = grammar_.Chars(tokenizer::CharSet{{'0', '9'}});
        const auto number = grammar_.Sequence({Text(":"), grammar_.Repeat(digit, 1, 2)});
        return grammar_.Sequence({Text(format_.begin + format_.name_open + name),
                                  format_.numbered ? number : grammar_.Empty(), Text(format_.name_close),
                                  arguments, Text(format_.arguments_close + format_.end)});
      }
      case CallBody::kParameters:
        return WithMarks(function, name);
      case CallBody::kPython:
        return Python(function, name);
      default:
        return Fail(ErrorCode::kUsage,
                    "this model's chat template calls no tools, so that no call can be forced");
    }
  }

  // Each property of the tool's parameters, in its order.
  template <typename Write>
  Result<ExpressionId> Properties(const Json& function, std::string_view separator, Write write) {
    const Json parameters = function.value("parameters", Json::object());
    const Json properties =
        parameters.is_object() ? parameters.value("properties", Json::object()) : Json::object();
    const Json required =
        parameters.is_object() ? parameters.value("required", Json::array()) : Json::array();
    std::vector<ExpressionId> items;
    std::vector<bool> needed;
    for (const auto& [name, schema] : properties.items()) {
      SLUICE_TRY(const ExpressionId item, write(name, schema, parameters));
      items.push_back(item);
      needed.push_back(required.is_array() && std::ranges::find(required, Json(name)) != required.end());
    }
    if (items.empty()) return grammar_.Empty();
    return grammar_.Members(Text(separator), std::move(items), std::move(needed), /*open=*/false, 0);
  }

  static std::string PointerTo(std::string name) {
    for (size_t at = 0; (at = name.find_first_of("~/", at)) != std::string::npos; at += 2)
      name.replace(at, 1, name[at] == '~' ? "~0" : "~1");
    return "/properties/" + name;
  }

  Result<ExpressionId> WithMarks(const Json& function, const std::string& name) {
    const chat::ParameterMarks& marks = format_.marks;
    const bool own_lines = marks.value_open.empty() && marks.string_flag.empty();
    const auto line = own_lines ? grammar_.Optional(Text("\n")) : grammar_.Empty();
    SLUICE_TRY(
        const ExpressionId parameters,
        Properties(function, "\n",
                   [&](const std::string& key, const Json& schema, const Json& root) -> Result<ExpressionId> {
                     const bool text = IsText(schema);
                     const std::string flag = marks.string_flag.empty()
                                                  ? ""
                                                  : fmt::format("\" string=\"{}\"", text ? "true" : "false");
                     const auto open =
                         Text(marks.key_open + key + flag + marks.key_close +
                              (marks.value_open.empty() || marks.value_open.starts_with('\n') ? "" : "\n") +
                              marks.value_open);
                     if (text && !schema.contains("enum") && !schema.contains("const"))
                       return grammar_.Sequence({open, UntilMark(marks.value_close)});
                     SLUICE_TRY(const ExpressionId value,
                                text ? Words(schema) : Schema(function, root, PointerTo(key), json_.Value()));
                     return grammar_.Sequence({open, line, value, line, Text(marks.value_close)});
                   }));
    const std::string name_close = marks.name_close.empty() ? "" : marks.name_close;
    return grammar_.Sequence(
        {own_lines && !format_.section.empty() ? grammar_.Optional(Text("\n")) : grammar_.Empty(),
         Text(format_.begin + name + name_close + "\n"), parameters, grammar_.Optional(Text("\n")),
         Text(format_.end), format_.section.empty() ? grammar_.Empty() : grammar_.Optional(Text("\n"))});
  }

  // As the reader of such calls sees it: the value stands there as it is, not as JSON.
  static bool IsText(const Json& schema) {
    if (!schema.is_object()) return false;
    const auto values = schema.find("enum");
    if (values == schema.end() || !values->is_array()) return schema.value("type", Json()) == "string";
    return std::ranges::all_of(*values, [](const Json& value) { return value.is_string(); });
  }

  // The values of an enum of strings as they are.
  Result<ExpressionId> Words(const Json& schema) {
    const Json values = schema.contains("const") ? Json::array({schema["const"]}) : schema["enum"];
    std::vector<ExpressionId> words;
    for (const Json& value : values)
      if (value.is_string()) words.push_back(grammar_.Bytes(value.get_ref<const std::string&>()));
    return grammar_.Alternatives(std::move(words));
  }

  Result<ExpressionId> Python(const Json& function, const std::string& name) {
    SLUICE_TRY(const ExpressionId arguments,
               Properties(function, ", ",
                          [&](const std::string& key, const Json&, const Json& root) -> Result<ExpressionId> {
                            SLUICE_TRY(const ExpressionId value,
                                       Schema(function, root, PointerTo(key), json_.Value()));
                            return grammar_.Sequence({Text(key + "="), value});
                          }));
    return grammar_.Sequence({Text(name + "("), arguments, Text(")")});
  }

  ExpressionId UntilMark(const std::string& mark) {
    const auto id = tokenizer_.FindToken(mark);
    if (!id || !tokenizer_.IsSpecial(*id)) return grammar_.Until(mark);
    return grammar_.Sequence({grammar_.Repeat(grammar_.Chars(AllChars()), 0), grammar_.Token(*id)});
  }
};

}  // namespace

ExpressionId MarkedText(constrain::Grammar& grammar, const chat::AnswerSyntax& syntax,
                        const tokenizer::Tokenizer& tokenizer, std::string_view text) {
  std::vector<ExpressionId> parts;
  const std::vector<std::string> marks = syntax.Marks();
  while (!text.empty()) {
    size_t first = std::string_view::npos, length = 0;
    std::optional<int32_t> token;
    for (const std::string& mark : marks) {
      const size_t at = text.find(mark);
      if (at == std::string_view::npos || at > first || (at == first && mark.size() <= length)) continue;
      const auto id = tokenizer.FindToken(mark);
      if (!id || !tokenizer.IsSpecial(*id)) continue;
      first = at, length = mark.size(), token = id;
    }
    parts.push_back(grammar.Bytes(text.substr(0, first)));
    if (!token) break;
    parts.push_back(grammar.Token(*token));
    text.remove_prefix(first + length);
  }
  return grammar.Sequence(std::move(parts));
}

Result<ExpressionId> CallsExpression(constrain::Grammar& grammar, constrain::JsonText& json,
                                     const chat::AnswerSyntax& syntax, const tokenizer::Tokenizer& tokenizer,
                                     const ForcedCalls& calls) {
  return CallWriter(grammar, json, syntax, tokenizer).All(calls);
}

}  // namespace sluice::server
