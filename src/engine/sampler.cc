#include "engine/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace sluice::engine {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014) of a counter: uniform in [0, 1).
double Uniform(uint64_t seed, uint64_t counter) {
  uint64_t z = seed + (counter + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

double LogSumExp(std::span<const float> logits) {
  const float max = logits[ArgMax(logits)];
  double sum = 0;
  for (float x : logits) sum += std::exp(static_cast<double>(x) - max);
  return max + std::log(sum);
}

}  // namespace

TokenOutput DescribeToken(std::span<const float> logits, int32_t id, int top) {
  const double total = LogSumExp(logits);
  const auto logprob = [&](int32_t token) { return static_cast<float>(logits[token] - total); };
  TokenOutput out{.id = id, .logprob = logprob(id), .top = {}};
  // The best so far, best first; of equals the one with the smaller id.
  std::vector<int32_t> best;
  const auto better = [&](int32_t a, int32_t b) { return logits[a] > logits[b]; };
  const size_t n = std::min<size_t>(static_cast<size_t>(std::max(top, 0)), logits.size());
  for (size_t i = 0; n > 0 && i < logits.size(); ++i) {
    const auto token = static_cast<int32_t>(i);
    if (best.size() == n && !better(token, best.back())) continue;
    if (best.size() == n) best.pop_back();
    best.insert(std::upper_bound(best.begin(), best.end(), token, better), token);
  }
  for (const int32_t token : best) out.top.emplace_back(token, logprob(token));
  return out;
}

int32_t ArgMax(std::span<const float> values) {
  size_t best = 0;
  for (size_t i = 1; i < values.size(); ++i)
    if (values[i] > values[best] || (std::isnan(values[best]) && !std::isnan(values[i]))) best = i;
  return static_cast<int32_t>(best);
}

int32_t FirstNotFinite(std::span<const float> values) {
  constexpr uint32_t kExponent = 0x7f800000u;
  const auto odd = [](float x) { return (std::bit_cast<uint32_t>(x) & kExponent) == kExponent; };
  uint32_t any = 0;
  for (float x : values) any |= odd(x);  // without a branch: this runs over the vocabulary for every token
  if (any == 0) return -1;
  return static_cast<int32_t>(std::ranges::find_if(values, odd) - values.begin());
}

Sampler::Sampler(const SamplingParams& params, std::span<const int32_t> prompt) : params_(params) {
  if (params_.repetition_penalty == 1) return;
  for (int32_t id : prompt) seen_.emplace_back(id, 0);
  std::ranges::sort(seen_);
  seen_.erase(std::ranges::unique(seen_).begin(), seen_.end());
}

std::optional<TokenOutput> Sampler::Sample(std::span<const float> logits, int top) {
  TokenOutput out;
  const bool changed = params_.repetition_penalty != 1 || params_.frequency_penalty != 0 ||
                       params_.presence_penalty != 0 || !params_.logit_bias.empty();
  if (changed || params_.temperature > 0) {
    logits_.assign(logits.begin(), logits.end());
    Penalize();
    out.id = ArgMax(logits_);
    const float best = logits_[out.id];
    if (best == -std::numeric_limits<float>::infinity()) return {};
    // A token that a bias lifts beyond every number is certain.
    if (params_.temperature > 0 && std::isfinite(best)) out.id = Draw(best);
  } else {
    out.id = ArgMax(logits);
  }
  if (top >= 0) out = DescribeToken(logits, out.id, top);
  ++drawn_;
  const auto at = std::ranges::lower_bound(seen_, out.id, {}, &std::pair<int32_t, int>::first);
  if (at != seen_.end() && at->first == out.id) {
    ++at->second;
  } else {
    seen_.insert(at, {out.id, 1});
  }
  return out;
}

void Sampler::Penalize() {
  for (const auto& [id, bias] : params_.logit_bias)
    if (id >= 0 && static_cast<size_t>(id) < logits_.size()) logits_[id] += bias;
  for (const auto& [id, times] : seen_) {
    float& logit = logits_[id];
    logit = logit > 0 ? logit / params_.repetition_penalty : logit * params_.repetition_penalty;
    if (times > 0) logit -= params_.frequency_penalty * static_cast<float>(times) + params_.presence_penalty;
  }
}

// Leaves the tokens that may be drawn in candidates_, likeliest first.
void Sampler::Filter(float max) {
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  };
  // What lies further below the best than this has no weight in double precision; sorting only the rest keeps
  // large vocabularies cheap.
  constexpr float kNegligible = 36.0f;
  float floor = std::max(max - kNegligible * params_.temperature, std::numeric_limits<float>::lowest());
  if (params_.min_p > 0) floor = std::max(floor, max + params_.temperature * std::log(params_.min_p));
  candidates_.clear();
  for (size_t i = 0; i < logits_.size(); ++i)
    if (logits_[i] >= floor) candidates_.push_back({logits_[i], static_cast<int32_t>(i)});
  if (params_.top_k > 0 && candidates_.size() > static_cast<size_t>(params_.top_k)) {
    std::nth_element(candidates_.begin(), candidates_.begin() + params_.top_k, candidates_.end(), better);
    candidates_.resize(params_.top_k);
  }
  std::sort(candidates_.begin(), candidates_.end(), better);
}

int32_t Sampler::Draw(float max) {
  Filter(max);
  if (candidates_.empty()) return ArgMax(logits_);
  std::vector<double> weight(candidates_.size());
  double total = 0;
  for (size_t i = 0; i < candidates_.size(); ++i)
    total += weight[i] =
        std::exp((candidates_[i].logit - candidates_[0].logit) / static_cast<double>(params_.temperature));
  if (params_.top_p < 1) {
    double kept = 0;
    size_t n = 0;
    while (n < weight.size() && kept < params_.top_p * total) kept += weight[n++];
    weight.resize(std::max<size_t>(n, 1));
    total = std::max(kept, weight[0]);
  }
  double left = Uniform(params_.seed, drawn_) * total;
  for (size_t i = 0; i < weight.size(); ++i)
    if ((left -= weight[i]) < 0) return candidates_[i].id;
  return candidates_[weight.size() - 1].id;
}

}  // namespace sluice::engine
