// What the tokenizer and the chat template make of a text, for tools that count and evaluate.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "server/backend.h"
#include "server/chat_prompt.h"
#include "server/errors.h"

namespace sluice::server {

// {"prompt", "add_special_tokens"} or {"messages", ...} -> {"tokens", "count", "max_model_len"}
ApiResult<nlohmann::ordered_json> Tokenize(const nlohmann::ordered_json& body, const Backend& backend,
                                           const ChatPrompt& chat_prompt);
// {"tokens"} -> {"prompt"}
ApiResult<nlohmann::ordered_json> Detokenize(const nlohmann::ordered_json& body, const Backend& backend);
// {"messages", ...} -> {"prompt"}: the text that the model would read.
ApiResult<nlohmann::ordered_json> ApplyTemplate(const nlohmann::ordered_json& body,
                                                const ChatPrompt& chat_prompt);
// {"bos_token", "eos_token", "chat_template", ...}; null where there is none.
nlohmann::ordered_json TokenizerInfo(const Backend& backend);

}  // namespace sluice::server
