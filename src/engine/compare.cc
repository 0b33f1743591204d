#include "engine/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/passage.h"
#include "engine/runner.h"
#include "engine/vocabulary_scan.h"

namespace sluice::engine {
namespace {

// The logarithm of the sum of exponentials.
double LogSum(std::span<const float> logits) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float x : logits) sum += std::exp(x - largest);
  return largest + std::log(sum);
}

// Sum of p (log p - log q) with p the reference's distribution.
double Divergence(std::span<const float> reference, std::span<const float> model, double reference_sum,
                  double model_sum) {
  double sum = 0;
  for (size_t v = 0; v < reference.size(); ++v) {
    const double log_p = reference[v] - reference_sum;
    sum += std::exp(log_p) * (log_p - (model[v] - model_sum));
  }
  return std::max(sum, 0.0);
}

class Comparison {
 public:
  explicit Comparison(int unscored) : unscored_(std::max(unscored, 1)) {}

  // Both have just read `window`.
  void Add(const std::vector<int32_t>& window, const Runner& model, const Runner& reference,
           const backend::RouterTrace& model_trace, const backend::RouterTrace& reference_trace) {
    double loss = 0, reference_loss = 0;
    int64_t predicted = 0;
    for (size_t t = static_cast<size_t>(unscored_) - 1; t + 1 < window.size(); ++t) {
      const auto ours = model.Logits(static_cast<int>(t)), theirs = reference.Logits(static_cast<int>(t));
      const double our_sum = LogSum(ours), their_sum = LogSum(theirs);
      const size_t next = static_cast<size_t>(window[t + 1]);
      loss += our_sum - ours[next];
      reference_loss += their_sum - theirs[next];
      divergences_.push_back(static_cast<float>(Divergence(theirs, ours, their_sum, our_sum)));
      report_.same_top_token += ArgMax(ours) == ArgMax(theirs);
      ++predicted;
    }
    AddRouting(model_trace, reference_trace, static_cast<int64_t>(window.size()));
    loss_ += loss;
    reference_loss_ += reference_loss;
    report_.tokens += predicted;
    ++report_.windows;
    if (predicted > 0) changes_.push_back((loss - reference_loss) / static_cast<double>(predicted));
  }

  CompareReport Finish() {
    const double n = static_cast<double>(std::max<int64_t>(report_.tokens, 1));
    report_.perplexity = std::exp(loss_ / n);
    report_.reference_perplexity = std::exp(reference_loss_ / n);
    report_.perplexity_change = std::expm1((loss_ - reference_loss_) / n);
    report_.perplexity_change_error = StandardError() * (1 + report_.perplexity_change);
    std::ranges::sort(divergences_);
    for (const float d : divergences_) report_.mean_divergence += d / n;
    if (!divergences_.empty()) {
      report_.p99_divergence = divergences_[(divergences_.size() - 1) * 99 / 100];
      report_.largest_divergence = divergences_.back();
    }
    return report_;
  }

  // Choices for so many tokens that both have read.
  void AddRouting(const backend::RouterTrace& model, const backend::RouterTrace& reference, int64_t tokens) {
    if (model.layers.empty()) return;
    for (int64_t t = 0; t < tokens; ++t) {
      bool everywhere = true;
      for (size_t l = 0; l < model.layers.size(); ++l) {
        const auto& ours = model.layers[l];
        const auto& theirs = reference.layers[l];
        if (ours.experts.empty()) continue;
        const auto first = theirs.experts.begin() + t * theirs.top_k;
        int64_t shared = 0;
        for (int i = 0; i < ours.top_k; ++i) {
          const int32_t expert = ours.experts[static_cast<size_t>(t * ours.top_k + i)];
          shared += std::find(first, first + theirs.top_k, expert) != first + theirs.top_k;
        }
        ++report_.router_choices;
        report_.experts_chosen += ours.top_k;
        report_.experts_shared += shared;
        report_.same_expert_set += shared == ours.top_k;
        everywhere = everywhere && shared == ours.top_k;
      }
      ++report_.routed_tokens;
      report_.same_everywhere += everywhere;
    }
  }

 private:
  // Of the mean change of loss over windows.
  double StandardError() const {
    const double n = static_cast<double>(changes_.size());
    if (n < 2) return 0;
    double mean = 0, variance = 0;
    for (const double c : changes_) mean += c / n;
    for (const double c : changes_) variance += (c - mean) * (c - mean) / (n - 1);
    return std::sqrt(variance / n);
  }

  const int unscored_;
  CompareReport report_;
  double loss_ = 0, reference_loss_ = 0;
  std::vector<float> divergences_;
  std::vector<double> changes_;  // of the mean loss of each window
};

Status CheckAlike(const model::Model& model, const model::Model& reference) {
  if (model.desc.vocab == reference.desc.vocab &&
      model.desc.encoder.has_value() == reference.desc.encoder.has_value() &&
      model.desc.decoder.layers.size() == reference.desc.decoder.layers.size())
    return {};
  return Fail(ErrorCode::kUsage,
              fmt::format("a model of {} layers and {} tokens cannot be compared with one of {} and {}",
                          model.desc.decoder.layers.size(), model.desc.vocab,
                          reference.desc.decoder.layers.size(), reference.desc.vocab),
              "give two versions of one model");
}

}  // namespace

Result<CompareReport> Compare(const model::Model& model, const model::Model& reference, ThreadTeam& team,
                              const std::vector<std::vector<int32_t>>& windows,
                              const CompareOptions& options) {
  SLUICE_CHECK_OK(CheckAlike(model, reference));
  const LongestPassage longest = LongestOf(model.desc, windows);
  SLUICE_TRY(Runner ours,
             Runner::Create(model, team, options.isa, options.kv, longest.tokens, longest.source));
  SLUICE_TRY(Runner theirs, Runner::Create(reference, team, options.isa, {}, longest.tokens, longest.source));
  Comparison comparison(options.unscored);
  for (size_t w = 0; w < windows.size(); ++w) {
    const Passage passage = PassageOf(model.desc, windows[w]);
    backend::RouterTrace our_trace, their_trace;
    ours.Restart();
    theirs.Restart();
    if (!passage.source.empty()) {
      backend::RouterTrace of_source, of_their_source;
      SLUICE_CHECK_OK(ours.Encode(passage.source, &of_source));
      SLUICE_CHECK_OK(theirs.Encode(passage.source, &of_their_source));
      comparison.AddRouting(of_source, of_their_source, static_cast<int64_t>(passage.source.size()));
    }
    SLUICE_CHECK_OK(ours.Append(passage.tokens, &our_trace));
    SLUICE_CHECK_OK(theirs.Append(passage.tokens, &their_trace));
    comparison.Add(passage.tokens, ours, theirs, our_trace, their_trace);
    if (options.progress) options.progress(static_cast<int64_t>(w) + 1, static_cast<int64_t>(windows.size()));
  }
  return comparison.Finish();
}

}  // namespace sluice::engine
