// Sends the requests of a trace to a server, each at its time whether or not earlier ones were answered, and
// notes when its tokens came.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::perf {

struct Endpoint {
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  std::string api_key;  // empty: none
};

struct TimedRequest {
  double arrival = 0;           // seconds since the beginning
  std::vector<int32_t> prompt;  // ids
  int64_t answer_tokens = 1;    // that it must have: the end of the answer is ignored
};

// Times in seconds since the beginning.
struct Outcome {
  double arrival = 0, first = 0, last = 0;  // when it was due; its first and its last token
  int64_t prompt_tokens = 0, answer_tokens = 0;
  std::string error;  // empty: answered

  double TimeToFirstToken() const { return first - arrival; }
  // Of the tokens after the first; 0 where there is only one.
  double TimePerToken() const {
    return answer_tokens > 1 ? (last - first) / static_cast<double>(answer_tokens - 1) : 0;
  }
};

// POST /v1/completions, streamed. A request that fails has an error; kOs: nothing could be sent at all.
Result<std::vector<Outcome>> Replay(const Endpoint& endpoint, std::vector<TimedRequest> requests);

// Whether GET `path` answers 200 now.
bool Answers(const Endpoint& endpoint, const std::string& path);

}  // namespace sluice::perf
