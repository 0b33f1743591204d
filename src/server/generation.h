// Runs a generation request on the backend and writes its answer in an API's format.
#pragma once

#include <memory>

#include "server/answer.h"
#include "server/answer_format.h"
#include "server/backend.h"
#include "server/generation_request.h"
#include "server/metrics.h"
#include "server/request_record.h"

namespace sluice::server {

// Who computes an answer, and who hears of it.
struct GenerationContext {
  std::shared_ptr<Backend> backend;
  std::shared_ptr<Metrics> metrics;
  std::shared_ptr<RequestRecord> record;
  Waker wake;  // called when Take has news
};

// Submits every choice; if one is refused, those before it are cancelled.
Answer StartGeneration(GenerationContext context, GenerationRequest request,
                       std::unique_ptr<AnswerFormat> format);

// What the client is told of an answer that ended by kCancelled, kTimeout or kError.
ApiError FailureOf(const engine::Event& event);

}  // namespace sluice::server
