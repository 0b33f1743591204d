// What a model loses against a reference on a text: perplexity, divergence, changed choices of experts.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/thread_team.h"
#include "kernels/isa.h"
#include "kernels/kv_type.h"
#include "model/model.h"

namespace sluice::engine {

struct CompareOptions {
  kernels::Isa isa = kernels::Isa::kScalar;
  std::optional<kernels::KvType> kv;  // of the model; the reference keeps the backend's own choice
  int unscored = 1;                   // first tokens of each window that are given, not predicted
  std::function<void(int64_t done, int64_t total)> progress;  // windows
};

struct CompareReport {
  int64_t windows = 0, tokens = 0;  // predicted tokens
  double perplexity = 0, reference_perplexity = 0;
  // Perplexity over the reference's, less one, and its standard error (windows are the sample).
  double perplexity_change = 0, perplexity_change_error = 0;
  // Of the model's next-token distribution from the reference's, in nats.
  double mean_divergence = 0, p99_divergence = 0, largest_divergence = 0;
  int64_t same_top_token = 0;
  // Choices are (MoE layer, token) pairs.
  int64_t router_choices = 0, same_expert_set = 0;
  int64_t experts_chosen = 0, experts_shared = 0;
  // Tokens whose expert sets are the same in every layer.
  int64_t routed_tokens = 0, same_everywhere = 0;
};

// `windows`: token ids, each a sequence of its own. The models must have one vocabulary.
Result<CompareReport> Compare(const model::Model& model, const model::Model& reference, ThreadTeam& team,
                              const std::vector<std::vector<int32_t>>& windows,
                              const CompareOptions& options);

}  // namespace sluice::engine
