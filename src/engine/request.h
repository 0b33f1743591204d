// What a caller asks of the engine, and what it hears back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/token_filter.h"

namespace sluice::model {
class Adapter;
}

namespace sluice::engine {

struct SamplingParams {
  float temperature = 1;  // 0: greedy
  int top_k = 0;          // keep the k likeliest; 0: all
  float top_p = 1;        // keep the likeliest that together reach p
  float typical_p = 1;    // keep the most typical that together reach p (arXiv 2202.00666)
  float min_p = 0;        // drop tokens below min_p times the likeliest
  float repetition_penalty =
      1;  // divides (multiplies, where negative) logits of tokens seen (arXiv 1909.05858)
  float frequency_penalty = 0;  // subtracted once per occurrence in the answer
  float presence_penalty = 0;   // subtracted once if it occurs in the answer
  uint64_t seed = 0;            // same seed, same answer, whatever else runs
  std::vector<std::pair<int32_t, float>> logit_bias;
};

// Which experts one token chose, with what multiplies their outputs, for every MoE layer that it passed.
struct TokenRouting {
  int64_t position = 0;  // in prompt and answer together
  std::vector<std::vector<std::pair<int32_t, float>>> layers;
};

// What of the states behind the final norm an embedding is made of.
enum class Pooling : uint8_t { kNone, kMean, kLast };

struct Request {
  // What an encoder-decoder model answers; for others, empty. The prompt is then how the answer begins: with
  // the model's start token where nothing is said.
  std::vector<int32_t> source;
  std::vector<int32_t> prompt;  // at least one token
  int max_tokens = 0;           // of the answer; 0: as many as the context holds
  SamplingParams sampling;
  std::shared_ptr<TokenFilter> filter;  // of this answer alone; null: any token may come
  std::vector<int32_t> stop_tokens;     // end the answer; reported as its last token with Finish::kStop
  int top_logprobs = -1;             // alternatives reported with each token; -1: no log probabilities at all
  int prompt_logprobs = -1;          // the same for the prompt's tokens from the second on
  Pooling pooling = Pooling::kNone;  // an embedding of the prompt is wanted, and no answer
  int priority = 0;                  // lower comes first; equals in order of arrival
  double seconds = 0;                // may pass until the answer's end; 0: any time
  std::shared_ptr<const model::Adapter> adapter;  // of the engine's model; null: the model as it is
  int64_t routed_positions = 0;  // of so many tokens, from the first on, the routing is reported
  uint32_t kv_salt = 0;          // requests share keys and values with those of the same number alone
};

enum class Finish : uint8_t { kStop, kLength, kCancelled, kTimeout, kError };

struct TokenOutput {
  int32_t id = 0;
  float logprob = 0;  // natural, of the model's distribution before temperature and filters; if asked for
  std::vector<std::pair<int32_t, float>> top;  // best first
};

// One call per token, in order; the last one has `finish`. An answer may end without a token: cancelled,
// out of time, failed (a logit that is not finite is a numerical error; nothing satisfies the filter), or
// stopped because every token is banned.
struct Event {
  std::vector<TokenOutput> prompt = {};  // with the first token, if Request::prompt_logprobs asks for them
  std::optional<TokenOutput> token;
  std::optional<Finish> finish;
  Error error;                             // Finish::kTimeout, kError
  std::vector<TokenRouting> routing = {};  // of tokens computed since the last event
  std::vector<float> embedding = {};  // with Finish::kStop, if Request::pooling asks for one; of any length
  int64_t cached = 0;  // with the first token or the embedding: tokens of the prompt whose keys and values
                       // were there before
};

// Called on the engine's thread: it must return quickly and may not throw.
using EventFn = std::function<void(const Event&)>;
using RequestId = uint64_t;

}  // namespace sluice::engine
