#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/fields.h"
#include "server/responses.h"

namespace sluice::server {

using Json = nlohmann::ordered_json;

namespace {

// The list of input items as messages; the first wrong one ends up in `fields`.
class Items {
 public:
  explicit Items(Fields& fields) : fields_(fields) {}

  void Add(const Json& item, size_t index) {
    place_ = fmt::format("input[{}]", index);
    if (!item.is_object()) return Refuse("each item must be an object");
    const Json type = item.value("type", Json("message"));
    if (type == "message")
      AddMessage(item);
    else if (type == "function_call")
      AddCall(item);
    else if (type == "function_call_output")
      AddOutput(item);
    else if (type != "reasoning")
      Refuse(fmt::format("items of type {} are not supported here", type.dump().substr(0, 40)),
             "unsupported_value");
  }
  void AddText(const char* role, const Json& text) {
    messages_.push_back({{"role", role}, {"content", text}});
  }
  Json Take() { return std::move(messages_); }

 private:
  Fields& fields_;
  std::string place_;
  Json messages_ = Json::array();

  void Refuse(const std::string& message, std::optional<std::string> code = std::nullopt) {
    fields_.Refuse(BadParam(place_, message, std::move(code)));
  }

  Json Content(const Json& content) {
    if (content.is_string()) return content;
    if (!content.is_array()) {
      Refuse("the content must be a string or a list of parts");
      return {};
    }
    Json parts = Json::array();
    for (const Json& part : content) {
      const Json type = part.is_object() ? part.value("type", Json()) : Json();
      const bool text = type == "input_text" || type == "output_text" || type == "text";
      if (!text || !part.value("text", Json()).is_string()) {
        Refuse(fmt::format("parts of type {} are not supported here: this model reads text",
                           type.dump().substr(0, 40)),
               "unsupported_value");
        return {};
      }
      parts.push_back({{"type", "text"}, {"text", part["text"]}});
    }
    return parts;
  }

  void AddMessage(const Json& item) {
    const Json role = item.value("role", Json());
    if (role != "user" && role != "assistant" && role != "system" && role != "developer")
      return Refuse("the role must be one of user, assistant, system, developer");
    messages_.push_back({{"role", role}, {"content", Content(item.value("content", Json()))}});
  }

  // Calls that follow each other are one message.
  void AddCall(const Json& item) {
    for (const char* name : {"call_id", "name", "arguments"})
      if (!item.value(name, Json()).is_string())
        return Refuse(fmt::format("a call needs a string '{}'", name));
    const bool follows = !messages_.empty() && messages_.back()["role"] == "assistant";
    if (!follows) AddText("assistant", nullptr);
    messages_.back()["tool_calls"].push_back(
        {{"id", item["call_id"]},
         {"type", "function"},
         {"function", {{"name", item["name"]}, {"arguments", item["arguments"]}}}});
  }

  void AddOutput(const Json& item) {
    if (!item.value("call_id", Json()).is_string()) return Refuse("the output of a call needs its 'call_id'");
    messages_.push_back({{"role", "tool"},
                         {"tool_call_id", item["call_id"]},
                         {"content", Content(item.value("output", Json()))}});
  }
};

void ReadTools(Fields& fields, Json& chat) {
  const Json* tools = fields.Raw("tools");
  if (tools == nullptr) return;
  if (!tools->is_array()) return fields.Refuse(BadParam("tools", "'tools' must be a list"));
  Json& functions = chat["tools"] = Json::array();
  for (const Json& tool : *tools) {
    if (!tool.is_object() || tool.value("type", Json()) != "function")
      return fields.Refuse(
          BadParam("tools", "only tools of type function are supported here", "unsupported_value"));
    Json function = tool;
    function.erase("type");
    functions.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
}

void ReadToolChoice(Fields& fields, Json& chat) {
  const Json* choice = fields.Raw("tool_choice");
  if (choice == nullptr || (*choice == "auto" && !chat.contains("tools"))) return;
  if (choice->is_object() && choice->contains("name"))
    chat["tool_choice"] = {{"type", "function"}, {"function", {{"name", (*choice)["name"]}}}};
  else
    chat["tool_choice"] = *choice;
}

void RefuseUnsupported(Fields& fields) {
  for (const char* name : {"previous_response_id", "conversation", "prompt"})
    if (fields.Raw(name) != nullptr)
      fields.Refuse(BadParam(
          name, fmt::format("'{}' is not supported here: nothing is stored; send the whole input", name),
          "unsupported_value"));
  if (fields.Bool("background").value_or(false))
    fields.Refuse(
        BadParam("background", "answers in the background are not supported here", "unsupported_value"));
}

// What chat names response_format, with the schema one level deeper.
void ReadFormat(Fields& fields, Json& chat) {
  const Json* text = fields.Raw("text");
  if (text != nullptr && !text->is_object())
    return fields.Refuse(BadParam("text", "'text' must be an object"));
  const Json format = text != nullptr ? text->value("format", Json()) : Json();
  if (format.is_null()) return;
  if (!format.is_object()) return fields.Refuse(BadParam("text.format", "'text.format' must be an object"));
  if (format.value("type", Json()) == "json_schema")
    chat["response_format"] = {{"type", "json_schema"}, {"json_schema", format}};
  else
    chat["response_format"] = format;
}

void ReadReasoning(Fields& fields, Json& chat) {
  const Json* reasoning = fields.Raw("reasoning");
  if (reasoning == nullptr) return;
  if (!reasoning->is_object()) return fields.Refuse(BadParam("reasoning", "'reasoning' must be an object"));
  const Json effort = reasoning->value("effort", Json());
  if (effort.is_string())
    chat["reasoning_effort"] = effort;
  else if (!effort.is_null())
    fields.Refuse(BadParam("reasoning.effort", "'reasoning.effort' must be a string"));
}

// They come back in the answer, and are of no other use here.
void CheckMetadata(Fields& fields) {
  const Json* metadata = fields.Raw("metadata");
  if (metadata == nullptr) return;
  const auto is_text = [](const Json& value) { return value.is_string(); };
  if (!metadata->is_object() || !std::ranges::all_of(*metadata, is_text))
    fields.Refuse(BadParam("metadata", "'metadata' must be an object whose values are strings"));
}

}  // namespace

ApiResult<Json> ResponseToChat(const Json& body) {
  Fields fields(body);
  Json chat = Json::object();
  for (const char* name : {"model", "stream", "temperature", "top_p", "parallel_tool_calls"})
    if (const Json* value = fields.Raw(name)) chat[name] = *value;
  if (const auto most = fields.Integer("max_output_tokens", 1, INT32_MAX)) chat["max_tokens"] = *most;
  ReadReasoning(fields, chat);
  CheckMetadata(fields);
  Items items(fields);
  if (const auto instructions = fields.Text("instructions")) items.AddText("system", *instructions);
  const Json* input = fields.Raw("input");
  if (input != nullptr && input->is_string())
    items.AddText("user", *input);
  else if (input == nullptr || !input->is_array() || input->empty())
    fields.Refuse(BadParam("input", "'input' must be a string or a list of items"));
  else
    for (size_t i = 0; fields.ok() && i < input->size(); ++i) items.Add((*input)[i], i);
  chat["messages"] = items.Take();
  ReadTools(fields, chat);
  ReadToolChoice(fields, chat);
  ReadFormat(fields, chat);
  RefuseUnsupported(fields);
  if (!fields.ok()) return tl::make_unexpected(fields.error());
  return chat;
}

}  // namespace sluice::server
