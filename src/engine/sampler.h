// The next token from logits.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/request.h"

namespace sluice::engine {

// Samples one request's tokens. Random numbers come from (seed, position in the answer) alone, so an answer
// does not depend on its neighbours. One per request; not thread-safe.
class Sampler {
 public:
  Sampler(const SamplingParams& params, std::span<const int32_t> prompt);

  // `logits`: [vocab], finite. `top`: how many alternatives to report; -1: no log probabilities. Nothing:
  // biases of -infinity leave no token.
  std::optional<TokenOutput> Sample(std::span<const float> logits, int top);

 private:
  struct Candidate {
    float logit;
    int32_t id;
  };
  void Penalize();
  // `max`: the largest of logits_, finite.
  int32_t Draw(float max);
  void Filter(float max);

  SamplingParams params_;
  uint64_t drawn_ = 0;
  std::vector<std::pair<int32_t, int>> seen_;  // sorted by id: times in the answer (0: only in the prompt)
  std::vector<float> logits_;
  std::vector<Candidate> candidates_;
};

// `id` with its log probability by `logits`, and those of the `top` likeliest tokens.
TokenOutput DescribeToken(std::span<const float> logits, int32_t id, int top);

// The index of the largest value, the first of equals; 0 if all are NaN.
int32_t ArgMax(std::span<const float> values);
// The index of the first value that is infinite or NaN; -1: none.
int32_t FirstNotFinite(std::span<const float> values);

}  // namespace sluice::engine
