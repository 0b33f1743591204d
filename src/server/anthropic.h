// POST /v1/messages and /v1/messages/count_tokens: Anthropic's API.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "server/answer_format.h"

namespace sluice::server {

// The same request as one of /v1/chat/completions. `counting`: max_tokens may be absent.
ApiResult<nlohmann::ordered_json> MessagesToChat(const nlohmann::ordered_json& body, bool counting);

std::unique_ptr<AnswerFormat> MessagesFormat(AnswerId id);

}  // namespace sluice::server
