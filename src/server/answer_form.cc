#include "server/answer_form.h"

#include <fmt/format.h>

#include "server/json_input.h"

namespace sluice::server {

using Json = nlohmann::ordered_json;

namespace {

constexpr size_t kMaxChoices = 10'000;

class Reader {
 public:
  explicit Reader(Fields& fields) : fields_(fields) {}

  AnswerForm Read() {
    ResponseFormat();
    if (const Json* schema = fields_.Raw("json_schema")) Schema("json_schema", *schema);
    if (const Json* grammar = fields_.Raw("grammar"); grammar != nullptr && *grammar != "")
      Grammar("grammar", *grammar);
    if (const Json* schema = fields_.Raw("guided_json")) Schema("guided_json", *schema);
    if (const Json* regex = fields_.Raw("guided_regex")) Regex("guided_regex", *regex);
    if (const Json* choices = fields_.Raw("guided_choice")) Choice("guided_choice", *choices);
    if (const Json* grammar = fields_.Raw("guided_grammar")) Grammar("guided_grammar", *grammar);
    StructuredOutputs();
    fields_.Ignore({"guided_decoding_backend"});
    return std::move(form_);
  }

 private:
  Fields& fields_;
  AnswerForm form_;

  void Refuse(const std::string& param, std::string message, std::optional<std::string> code = std::nullopt) {
    fields_.Refuse(BadParam(param, std::move(message), std::move(code)));
  }

  // False: there is a form already.
  bool Take(AnswerForm::Kind kind, const std::string& param) {
    if (form_.kind != AnswerForm::Kind::kFree) {
      Refuse(param, fmt::format("'{}' and '{}' both ask for a form of the answer; leave one out", form_.param,
                                param));
      return false;
    }
    form_.kind = kind;
    form_.param = param;
    return true;
  }

  void Schema(const std::string& param, const Json& schema) {
    if (!Take(AnswerForm::Kind::kSchema, param)) return;
    form_.schema = schema;
    if (!schema.is_string()) return;
    auto parsed = ParseJson(schema.get_ref<const std::string&>());
    if (!parsed)
      return Refuse(param, fmt::format("'{}' is not JSON: {}", param, parsed.error().message),
                    "invalid_schema");
    form_.schema = std::move(*parsed);
  }

  void Text(AnswerForm::Kind kind, const std::string& param, const Json& text) {
    if (!text.is_string()) return Refuse(param, fmt::format("'{}' must be a string", param));
    if (Take(kind, param)) form_.text = text;
  }
  void Regex(const std::string& param, const Json& text) { Text(AnswerForm::Kind::kRegex, param, text); }
  void Grammar(const std::string& param, const Json& text) { Text(AnswerForm::Kind::kGrammar, param, text); }

  void Choice(const std::string& param, const Json& choices) {
    if (!choices.is_array() || choices.empty() || choices.size() > kMaxChoices)
      return Refuse(param, fmt::format("'{}' must be a list of 1 to {} strings", param, kMaxChoices));
    if (!Take(AnswerForm::Kind::kChoice, param)) return;
    for (const Json& choice : choices) {
      if (!choice.is_string() || choice == "")
        return Refuse(param, fmt::format("'{}' must hold strings that are not empty", param));
      form_.choices.push_back(choice);
    }
  }

  void ResponseFormat() {
    const Json* format = fields_.Raw("response_format");
    if (format == nullptr) return;
    const Json type = format->is_object() ? format->value("type", Json()) : Json();
    if (type == "text") return;
    if (type == "json_object") {
      if (format->contains("schema")) return Schema("response_format.schema", (*format)["schema"]);
      Take(AnswerForm::Kind::kObject, "response_format");
      return;
    }
    if (type != "json_schema")
      return Refuse("response_format",
                    "the type of 'response_format' must be text, json_object or json_schema",
                    "unsupported_value");
    const Json named = format->value("json_schema", Json());
    if (!named.is_object() || !named.contains("schema"))
      return Refuse("response_format.json_schema", "'json_schema' must be an object with a 'schema'");
    Schema("response_format.json_schema.schema", named["schema"]);
  }

  void StructuredOutputs() {
    const Json* outputs = fields_.Raw("structured_outputs");
    if (outputs == nullptr) return;
    if (!outputs->is_object()) return Refuse("structured_outputs", "'structured_outputs' must be an object");
    for (const auto& [key, value] : outputs->items()) {
      const std::string param = "structured_outputs." + key.substr(0, 40);
      if (value.is_null() || value == false) continue;
      if (key == "json") {
        Schema(param, value);
      } else if (key == "json_object") {
        Take(AnswerForm::Kind::kObject, param);
      } else if (key == "regex") {
        Regex(param, value);
      } else if (key == "choice") {
        Choice(param, value);
      } else if (key == "grammar") {
        Grammar(param, value);
      } else {
        Refuse(param, fmt::format("'{}' is not supported here", param), "unsupported_value");
      }
    }
  }
};

}  // namespace

AnswerForm ReadAnswerForm(Fields& fields) { return Reader(fields).Read(); }

}  // namespace sluice::server
