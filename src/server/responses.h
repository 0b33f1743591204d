// POST /v1/responses: OpenAI's newer API, text in and out. Nothing is stored.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "server/answer_format.h"

namespace sluice::server {

// The same request as one of /v1/chat/completions.
ApiResult<nlohmann::ordered_json> ResponseToChat(const nlohmann::ordered_json& body);

// `body`: the request, of which the answer repeats some members.
std::unique_ptr<AnswerFormat> ResponseFormat(AnswerId id, const nlohmann::ordered_json& body);

}  // namespace sluice::server
