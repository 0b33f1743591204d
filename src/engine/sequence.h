// A request being answered.
#pragma once

#include <chrono>
#include <vector>

#include "engine/request.h"
#include "engine/sampler.h"
#include "kv/pool.h"

namespace sluice::engine {

struct Sequence {
  RequestId id = 0;
  Request request;
  EventFn on_event;
  Sampler sampler;
  std::vector<int32_t> tokens;                   // prompt, then answer
  kv::PageTable pages;                           // pages.length tokens have their keys and values computed
  bool ended = false;                            // to be removed
  std::vector<TokenOutput> prompt_outputs = {};  // not reported yet
  std::vector<TokenRouting> routing = {};        // not reported yet
  kv::PageTable source = {};  // of request.source; its length is 0 until the encoder has read it
  uint64_t salt = 0;          // sequences of different salts share no pages
  bool preempted = false;     // has been put back at least once
  std::chrono::steady_clock::time_point arrived = {};
  std::vector<double> pooled = {};     // sum of states so far
  int64_t cached = 0;                  // tokens of the prompt that were not computed for this request
  std::vector<int64_t> branches = {};  // lengths from which waiting ones go on, if the model keeps states

  bool encoded() const { return source.length == static_cast<int64_t>(request.source.size()); }
  int64_t answered() const { return static_cast<int64_t>(tokens.size() - request.prompt.size()); }
  int64_t pending() const { return static_cast<int64_t>(tokens.size()) - pages.length; }
  // The logits at this position are wanted for the prompt's next token.
  bool describes(int64_t position) const {
    return request.prompt_logprobs >= 0 && answered() == 0 &&
           position + 1 < static_cast<int64_t>(request.prompt.size());
  }
  bool embeds() const { return request.pooling != Pooling::kNone; }
  // The state at this position is wanted for the embedding.
  bool pools(int64_t position) const {
    return request.pooling == Pooling::kMean ||
           (embeds() && position + 1 == static_cast<int64_t>(request.prompt.size()));
  }
  // Something is reported of every token, which must be computed for that.
  bool reports_prompt() const {
    return (request.prompt_logprobs >= 0 && answered() == 0) || request.pooling == Pooling::kMean;
  }
  int64_t longest() const { return static_cast<int64_t>(request.prompt.size()) + request.max_tokens; }
};

}  // namespace sluice::engine
