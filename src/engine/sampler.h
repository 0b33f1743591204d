// The next token from logits.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/request.h"
#include "engine/vocabulary_scan.h"
#include "kernels/table.h"

namespace sluice::engine {

// Samples one request's tokens in time that grows little with the vocabulary: it is never sorted. Random
// numbers come from (seed, position in the answer) alone, so an answer does not depend on its neighbours. One
// per request; not thread-safe.
class Sampler {
 public:
  Sampler(const SamplingParams& params, std::span<const int32_t> prompt);

  // `logits`: [vocab], finite. `top`: how many alternatives to report; -1: no log probabilities. `allowed`:
  // null: all. Nothing: biases of -infinity leave no token, or none is allowed.
  std::optional<TokenOutput> Sample(std::span<const float> logits, int top,
                                    const AllowedTokens* allowed = nullptr);
  // The same among the tokens that `filter` allows, which is told which it was. Where the likeliest of all is
  // wanted if it is allowed, it is not asked for the others as long as it accepts that one.
  Result<std::optional<TokenOutput>> SampleWith(TokenFilter& filter, std::span<const float> logits, int top);

 private:
  // With penalties and biases.
  std::span<const float> Adjust(std::span<const float> logits);
  void Penalize();
  // Chooses among adjusted logits. Nothing: none is above -infinity.
  std::optional<int32_t> Choose(std::span<const float> adjusted, const AllowedTokens* allowed);
  // Of tokens that may come, one with the largest logit is chosen, whatever the others are.
  bool TakesLargest(float largest) const;
  TokenOutput Take(int32_t id, std::span<const float> logits, int top);
  // The logits of allowed tokens. Few are put together, and kept_ids_ says whose they are; many stay where
  // they are in logits_, the others at -infinity.
  std::span<const float> Restrict(std::span<const float> logits, const AllowedTokens& allowed);
  // `best`: the index of the largest logit, which is finite.
  int32_t Draw(std::span<const float> logits, int32_t best);
  void TakeCandidates(float largest, float floor);
  void CutToTopP(double all);
  void CutToTypical();
  double Mass(std::span<const int32_t> ids) const;

  SamplingParams params_;
  const kernels::Table& kernels_;
  uint64_t drawn_ = 0;
  std::vector<std::pair<int32_t, int>> seen_;  // sorted by id: times in the answer (0: only in the prompt)
  std::vector<float> logits_;                  // with penalties and biases
  std::vector<float> kept_;                    // of the tokens kept_ids_
  std::span<const int32_t> kept_ids_;          // empty: all, in their own places
  std::vector<float> probabilities_;           // after the temperature, [vocab]
  Thresholds thresholds_;                      // of probabilities_
  std::vector<int32_t> candidates_;
};

// `id` with its log probability by `logits`, and those of the `top` likeliest tokens.
TokenOutput DescribeToken(std::span<const float> logits, int32_t id, int top);

}  // namespace sluice::engine
