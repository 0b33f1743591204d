#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "server/anthropic.h"
#include "server/fields.h"

namespace sluice::server {

using Json = nlohmann::ordered_json;

namespace {

// Turns messages of blocks into messages of roles; the first wrong one ends up in `fields`.
class Conversation {
 public:
  explicit Conversation(Fields& fields) : fields_(fields) {}

  void AddSystem(const Json& system) {
    place_ = "system";
    const std::string text = Text(system);
    if (!text.empty()) messages_.push_back({{"role", "system"}, {"content", text}});
  }

  void Add(const Json& message, size_t index) {
    place_ = fmt::format("messages[{}]", index);
    const Json role = message.is_object() ? message.value("role", Json()) : Json();
    if (role != "user" && role != "assistant")
      return fields_.Refuse(BadParam(place_ + ".role", "the role must be user or assistant"));
    place_ += ".content";
    const Json content = message.value("content", Json());
    if (content.is_string()) {
      messages_.push_back({{"role", role}, {"content", content}});
    } else if (!content.is_array() || content.empty()) {
      Refuse("the content must be a string or a list of blocks");
    } else if (role == "user") {
      AddUser(content);
    } else {
      AddAssistant(content);
    }
  }

  Json Take() { return std::move(messages_); }

 private:
  Fields& fields_;
  std::string place_;
  Json messages_ = Json::array();

  void Refuse(const std::string& message, std::optional<std::string> code = std::nullopt) {
    fields_.Refuse(BadParam(place_, message, std::move(code)));
  }

  std::string Type(const Json& block) {
    const Json type = block.is_object() ? block.value("type", Json()) : Json();
    if (type.is_string()) return type;
    Refuse("each block needs a type");
    return {};
  }

  // A member that must be a string.
  std::string Member(const Json& block, const char* name) {
    const Json value = block.value(name, Json());
    if (value.is_string()) return value;
    Refuse(fmt::format("a block of type '{}' needs a string '{}'", Type(block).substr(0, 40), name));
    return {};
  }

  // Strings, or lists of text blocks.
  std::string Text(const Json& content) {
    if (content.is_string()) return content;
    std::string text;
    if (!content.is_array()) {
      if (!content.is_null()) Refuse("this must be a string or a list of text blocks");
      return text;
    }
    for (const Json& block : content) {
      const std::string type = Type(block);
      if (!fields_.ok()) return {};
      if (type != "text") {
        Refuse(fmt::format("blocks of type '{}' are not supported here: this model reads text",
                           type.substr(0, 40)),
               "unsupported_value");
        return {};
      }
      if (!text.empty()) text += '\n';
      text += Member(block, "text");
    }
    return text;
  }

  // The results of tools are messages of their own, in front of what the user says.
  void AddUser(const Json& blocks) {
    Json said = Json::array();
    for (const Json& block : blocks) {
      if (!block.is_object() || Type(block) != "tool_result") {
        said.push_back(block);
        continue;
      }
      const std::string id = Member(block, "tool_use_id");
      messages_.push_back(
          {{"role", "tool"}, {"tool_call_id", id}, {"content", Text(block.value("content", Json()))}});
    }
    if (!said.empty()) messages_.push_back({{"role", "user"}, {"content", Text(said)}});
  }

  void AddAssistant(const Json& blocks) {
    Json message = {{"role", "assistant"}, {"content", nullptr}};
    std::string text, thinking;
    for (const Json& block : blocks) {
      const std::string type = Type(block);
      if (type == "tool_use") {
        const Json input = block.value("input", Json::object());
        if (!input.is_object()) Refuse("the input of a tool_use block must be an object");
        message["tool_calls"].push_back(
            {{"id", Member(block, "id")},
             {"type", "function"},
             {"function", {{"name", Member(block, "name")}, {"arguments", input.dump()}}}});
      } else if (type == "thinking") {
        thinking += Member(block, "thinking");
      } else if (type != "redacted_thinking") {
        text += (text.empty() ? "" : "\n") + Text(Json::array({block}));
      }
      if (!fields_.ok()) return;
    }
    if (!text.empty() || !message.contains("tool_calls")) message["content"] = text;
    if (!thinking.empty()) message["reasoning_content"] = thinking;
    messages_.push_back(std::move(message));
  }
};

void ReadTools(Fields& fields, Json& chat) {
  const Json* tools = fields.Raw("tools");
  if (tools == nullptr) return;
  if (!tools->is_array()) return fields.Refuse(BadParam("tools", "'tools' must be a list"));
  Json& functions = chat["tools"] = Json::array();
  for (const Json& tool : *tools) {
    if (!tool.is_object() || !tool.value("name", Json()).is_string() ||
        !tool.value("input_schema", Json()).is_object())
      return fields.Refuse(BadParam("tools", "each tool needs a 'name' and an 'input_schema'"));
    Json function = {{"name", tool["name"]}};
    if (tool.contains("description")) function["description"] = tool["description"];
    function["parameters"] = tool["input_schema"];
    functions.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
}

void ReadToolUse(Fields& fields, Json& chat) {
  const Json* choice = fields.Raw("tool_choice");
  if (choice == nullptr) return;
  const Json type = choice->is_object() ? choice->value("type", Json()) : Json();
  if (type == "auto" || type == "none")
    chat["tool_choice"] = type;
  else if (type == "any")
    chat["tool_choice"] = "required";
  else if (type == "tool" && choice->value("name", Json()).is_string())
    chat["tool_choice"] = {{"type", "function"}, {"function", {{"name", (*choice)["name"]}}}};
  else
    return fields.Refuse(
        BadParam("tool_choice", "the type of 'tool_choice' must be auto, any, none, or tool with a name"));
  if (choice->value("disable_parallel_tool_use", Json()) == true) chat["parallel_tool_calls"] = false;
}

// The same as chat's response_format, with the schema one level higher.
void ReadFormat(Fields& fields, Json& chat) {
  const Json* format = fields.Raw("output_format");
  const Json* config = fields.Raw("output_config");
  if (config != nullptr && config->is_object() && config->contains("format")) format = &(*config)["format"];
  if (format == nullptr || format->is_null()) return;
  if (!format->is_object() || format->value("type", Json()) != "json_schema" || !format->contains("schema"))
    return fields.Refuse(
        BadParam("output_format", "'output_format' must be of type json_schema, with a 'schema'"));
  chat["response_format"] = {{"type", "json_schema"}, {"json_schema", {{"schema", (*format)["schema"]}}}};
}

// Templates call their switch by either of these names, and ignore the other.
void ReadThinking(Fields& fields, Json& chat) {
  const Json* thinking = fields.Raw("thinking");
  if (thinking == nullptr) return;
  const Json type = thinking->is_object() ? thinking->value("type", Json()) : Json();
  if (type != "enabled" && type != "disabled" && type != "adaptive")
    return fields.Refuse(
        BadParam("thinking", "the type of 'thinking' must be enabled, adaptive or disabled"));
  const bool wanted = type != "disabled";
  chat["chat_template_kwargs"] = {{"enable_thinking", wanted}, {"thinking", wanted}};
  chat["include_reasoning"] = wanted;
}

}  // namespace

ApiResult<Json> MessagesToChat(const Json& body, bool counting) {
  Fields fields(body);
  Json chat = Json::object();
  for (const char* name : {"model", "stream", "temperature", "top_p", "top_k"})
    if (const Json* value = fields.Raw(name)) chat[name] = *value;
  const auto max_tokens = fields.Integer("max_tokens", 1, INT32_MAX);
  if (max_tokens) chat["max_tokens"] = *max_tokens;
  if (!max_tokens && !counting) fields.Refuse(BadParam("max_tokens", "'max_tokens' is missing"));
  if (const Json* stop = fields.Raw("stop_sequences")) chat["stop"] = *stop;
  Conversation conversation(fields);
  if (const Json* system = fields.Raw("system")) conversation.AddSystem(*system);
  const Json* messages = fields.Raw("messages");
  if (messages == nullptr || !messages->is_array() || messages->empty())
    fields.Refuse(BadParam("messages", "'messages' must be a list of at least one message"));
  for (size_t i = 0; fields.ok() && i < messages->size(); ++i) conversation.Add((*messages)[i], i);
  chat["messages"] = conversation.Take();
  ReadTools(fields, chat);
  ReadToolUse(fields, chat);
  ReadThinking(fields, chat);
  ReadFormat(fields, chat);
  if (!fields.ok()) return tl::make_unexpected(fields.error());
  return chat;
}

}  // namespace sluice::server
