// POST /v1/completions.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "server/answer_format.h"
#include "server/answer_grammar.h"
#include "server/generation_request.h"

namespace sluice::server {

ApiResult<GenerationRequest> ReadCompletionRequest(const nlohmann::ordered_json& body, const Backend& backend,
                                                   AnswerGrammars& grammars);
std::unique_ptr<AnswerFormat> CompletionFormat(AnswerId id, bool include_usage);

}  // namespace sluice::server
