// Runs a generation request on the backend and writes its answer in an API's format.
#pragma once

#include <memory>

#include "server/answer.h"
#include "server/answer_format.h"
#include "server/backend.h"
#include "server/generation_request.h"
#include "server/metrics.h"

namespace sluice::server {

// Submits every choice; if one is refused, those before it are cancelled. `wake` is called when Take has
// news.
Answer StartGeneration(Backend& backend, GenerationRequest request, std::unique_ptr<AnswerFormat> format,
                       Waker wake, std::shared_ptr<Metrics> metrics);

}  // namespace sluice::server
