// POST /v1/chat/completions.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "server/answer.h"
#include "server/answer_format.h"
#include "server/answer_grammar.h"
#include "server/chat_prompt.h"
#include "server/generation_request.h"

namespace sluice::server {

ApiResult<GenerationRequest> ReadChatRequest(const nlohmann::ordered_json& body, const Backend& backend,
                                             const ChatPrompt& chat_prompt, AnswerGrammars& grammars);
std::unique_ptr<AnswerFormat> ChatFormat(AnswerId id, bool include_usage);

}  // namespace sluice::server
