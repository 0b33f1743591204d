// The conversation in a chat request: messages, tools and what goes to the template.
#pragma once

#include <nlohmann/json.hpp>

#include "server/fields.h"

namespace sluice::server {

struct ChatInput {
  nlohmann::ordered_json messages;  // content is a string, or null where an assistant only calls tools
  nlohmann::ordered_json tools;     // null if none
  nlohmann::ordered_json kwargs;    // chat_template_kwargs with add_generation_prompt
};

ChatInput ReadChatInput(Fields& fields);

}  // namespace sluice::server
