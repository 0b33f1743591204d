// One rendering described by JSON, for tools that check templates in bulk.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "chat/chat_template.h"

namespace sluice::chat {

// `input`: {"messages", "tools", "kwargs", "bos_token", "eos_token", "now"}; all but messages may be absent
// or null, and any other "..._token" is a special token too. The answer is {"rendered"}, or {"error",
// "error_type"} where error_type is "TemplateError" for what the template itself raised.
nlohmann::ordered_json RenderCase(const ChatTemplate& chat_template, const nlohmann::ordered_json& input);

// The same form for a template that does not compile.
nlohmann::ordered_json ErrorCase(const jinja::TemplateError& error);

}  // namespace sluice::chat
