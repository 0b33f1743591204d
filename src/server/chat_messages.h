// The conversation in a chat request: messages, tools and what goes to the template.
#pragma once

#include <nlohmann/json.hpp>

#include "server/fields.h"
#include "server/tool_choice.h"

namespace sluice::server {

struct ChatInput {
  nlohmann::ordered_json messages;  // content is a string, or null where an assistant only calls tools
  nlohmann::ordered_json tools;     // null if none, or if none may be called
  nlohmann::ordered_json kwargs;    // chat_template_kwargs with add_generation_prompt
  ToolChoice tool_choice;
  bool parallel_calls = true, include_reasoning = true;
};

ChatInput ReadChatInput(Fields& fields);

}  // namespace sluice::server
