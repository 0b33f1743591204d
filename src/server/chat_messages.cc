#include "server/chat_messages.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::server {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool", "function"};

// Reads one message after another; the first wrong one ends up in `fields`.
class MessageReader {
 public:
  explicit MessageReader(Fields& fields) : fields_(fields) {}

  Json Read(const Json& messages) {
    Json read = Json::array();
    for (size_t i = 0; i < messages.size() && fields_.ok(); ++i) {
      place_ = fmt::format("messages[{}]", i);
      read.push_back(ReadMessage(messages[i]));
    }
    return read;
  }

 private:
  Fields& fields_;
  std::string place_;

  void Refuse(const std::string& member, const std::string& message,
              std::optional<std::string> code = std::nullopt) {
    fields_.Refuse(BadParam(place_ + member, message, std::move(code)));
  }

  Json ReadMessage(const Json& message) {
    if (!message.is_object()) {
      Refuse("", "each message must be an object");
      return {};
    }
    const Json role = message.value("role", Json());
    if (!role.is_string() || std::find(std::begin(kRoles), std::end(kRoles),
                                       role.get_ref<const std::string&>()) == std::end(kRoles)) {
      Refuse(".role", fmt::format("the role must be one of {}", fmt::join(kRoles, ", ")));
      return {};
    }
    Json read = message;
    if (role == "tool" && !message.value("tool_call_id", Json()).is_string())
      Refuse(".tool_call_id", "a message of a tool needs the id of the call it answers");
    const Json calls = message.value("tool_calls", Json()), old_call = message.value("function_call", Json());
    const bool calls_tools = role == "assistant" && !(calls.is_null() && old_call.is_null());
    if (!calls.is_null()) CheckToolCalls(calls);
    const Json content = message.value("content", Json());
    if (!content.is_null())
      read["content"] = ReadContent(content);
    else if (!calls_tools)
      Refuse(".content", "the content must be a string or a list of text parts");
    return read;
  }

  // Text parts become one string, for templates know nothing else.
  Json ReadContent(const Json& content) {
    if (content.is_string()) return content;
    if (!content.is_array() || content.empty()) {
      Refuse(".content", "the content must be a string or a list of text parts");
      return {};
    }
    std::string text;
    for (const Json& part : content) {
      const Json type = part.is_object() ? part.value("type", Json()) : Json();
      if (!type.is_string()) {
        Refuse(".content", "each part of the content needs a type");
      } else if (type != "text") {
        Refuse(".content",
               fmt::format("parts of type '{}' are not supported here: this model reads text",
                           type.get<std::string>().substr(0, 40)),
               "unsupported_value");
      } else if (!part.value("text", Json()).is_string()) {
        Refuse(".content", "a text part needs a string 'text'");
      } else {
        if (!text.empty()) text += '\n';
        text += part["text"].get_ref<const std::string&>();
      }
      if (!fields_.ok()) return {};
    }
    return text;
  }

  void CheckToolCalls(const Json& calls) {
    if (!calls.is_array()) return Refuse(".tool_calls", "'tool_calls' must be a list");
    for (const Json& call : calls) {
      const Json function = call.is_object() ? call.value("function", Json()) : Json();
      if (!function.is_object() || !function.value("name", Json()).is_string())
        return Refuse(".tool_calls", "each call needs a function with a name");
    }
  }
};

// What a template gets from elsewhere cannot be replaced here.
Json ReadTemplateVariables(Fields& fields) {
  constexpr const char* kParam = "chat_template_kwargs";
  const Json* kwargs = fields.Raw(kParam);
  if (kwargs == nullptr) return Json::object();
  if (!kwargs->is_object()) {
    fields.Refuse(BadParam(kParam, fmt::format("'{}' must be an object", kParam)));
    return Json::object();
  }
  for (const char* name : {"messages", "tools", "bos_token", "eos_token", "add_generation_prompt"})
    if (kwargs->contains(name))
      fields.Refuse(BadParam(kParam, fmt::format("'{}' cannot set '{}'", kParam, name)));
  return *kwargs;
}

}  // namespace

ChatInput ReadChatInput(Fields& fields) {
  ChatInput input;
  const Json* messages = fields.Raw("messages");
  if (messages == nullptr || !messages->is_array() || messages->empty()) {
    fields.Refuse(BadParam("messages", "'messages' must be a list of at least one message"));
    return input;
  }
  input.messages = MessageReader(fields).Read(*messages);
  input.tools = ReadTools(fields);
  input.tool_choice = ReadToolChoice(fields, input.tools);
  if (input.tool_choice.mode == ToolChoice::Mode::kNone) input.tools = nullptr;
  input.parallel_calls = fields.Bool("parallel_tool_calls").value_or(true);
  input.include_reasoning = fields.Bool("include_reasoning").value_or(true);
  fields.Ignore({"verbosity", "prediction"});
  if (fields.Raw("chat_template") != nullptr)
    fields.Refuse(BadParam("chat_template",
                           "the chat template is the model's: a request cannot bring its own",
                           "unsupported_value"));
  input.kwargs = ReadTemplateVariables(fields);
  if (const auto effort = fields.Text("reasoning_effort")) input.kwargs["reasoning_effort"] = *effort;
  input.kwargs["add_generation_prompt"] = fields.Bool("add_generation_prompt").value_or(true);
  return input;
}

}  // namespace sluice::server
