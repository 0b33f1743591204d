// What is known about one request when it ends: what the log says, and what its key is charged.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "server/api_keys.h"
#include "server/trace_context.h"

namespace sluice::server {

struct RequestRecord {
  using Clock = std::chrono::steady_clock;

  Clock::time_point begin = Clock::now();
  std::string id, method, route;  // the route's path, not the client's
  std::optional<TraceParent> trace;
  std::shared_ptr<KeyRing::Entry> key;
  int status = 0;  // 499: the client went away before there was one

  // Of those that compute an answer.
  std::string model, finish_reason;  // of several choices, the first one's to end
  bool computes = false, streamed = false;
  int64_t prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;
  std::optional<double> first_token_seconds;

  bool keep_text = false;      // --log-prompts
  std::string prompt, answer;  // then: the body that came, and the text that went

  void AddAnswer(std::string_view text);
  void SetPrompt(std::string_view body);
};

// The fields of its line in the log.
nlohmann::ordered_json ToLog(const RequestRecord& record, RequestRecord::Clock::time_point end);

}  // namespace sluice::server
