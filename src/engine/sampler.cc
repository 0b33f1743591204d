#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "engine/vocabulary_scan.h"
#include "kernels/isa.h"

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

Sampler::Sampler(const SamplingParams& params, std::span<const int32_t> prompt)
    : params_(params), kernels_(kernels::TableFor(kernels::SelectIsa().value_or(kernels::Isa::kScalar))) {
  if (params_.repetition_penalty == 1) return;
  for (int32_t id : prompt) seen_.emplace_back(id, 0);
  std::ranges::sort(seen_);
  seen_.erase(std::ranges::unique(seen_).begin(), seen_.end());
}

std::span<const float> Sampler::Restrict(std::span<const float> logits, const AllowedTokens& allowed) {
  if (allowed.bits.empty()) {
    kept_ids_ = allowed.ids;
    while (!kept_ids_.empty() && static_cast<size_t>(kept_ids_.back()) >= logits.size())
      kept_ids_ = kept_ids_.first(kept_ids_.size() - 1);
    kept_.clear();
    for (const int32_t id : kept_ids_) kept_.push_back(logits[static_cast<size_t>(id)]);
    return kept_;
  }
  if (logits.data() != logits_.data()) logits_.assign(logits.begin(), logits.end());
  for (size_t word = 0; word * 64 < logits_.size(); ++word) {
    const uint64_t bits = word < allowed.bits.size() ? allowed.bits[word] : 0;
    if (bits == ~uint64_t{0}) continue;
    const size_t end = std::min<size_t>(64, logits_.size() - word * 64);
    for (size_t i = 0; i < end; ++i)
      if ((bits >> i & 1) == 0) logits_[word * 64 + i] = -std::numeric_limits<float>::infinity();
  }
  return logits_;
}

std::span<const float> Sampler::Adjust(std::span<const float> logits) {
  if (params_.repetition_penalty == 1 && params_.frequency_penalty == 0 && params_.presence_penalty == 0 &&
      params_.logit_bias.empty())
    return logits;
  logits_.assign(logits.begin(), logits.end());
  Penalize();
  return logits_;
}

bool Sampler::TakesLargest(float largest) const {
  // A token that a bias lifts beyond every number is certain.
  return !(params_.temperature > 0) || !std::isfinite(largest);
}

std::optional<int32_t> Sampler::Choose(std::span<const float> adjusted, const AllowedTokens* allowed) {
  kept_ids_ = {};
  if (allowed != nullptr) adjusted = Restrict(adjusted, *allowed);
  if (adjusted.empty()) return {};
  int32_t at = ArgMax(adjusted);
  const float best = adjusted[at];
  if (best == -std::numeric_limits<float>::infinity()) return {};
  if (!TakesLargest(best)) at = Draw(adjusted, at);
  return kept_ids_.empty() ? at : kept_ids_[static_cast<size_t>(at)];
}

TokenOutput Sampler::Take(int32_t id, std::span<const float> logits, int top) {
  ++drawn_;
  const auto at = std::ranges::lower_bound(seen_, id, {}, &std::pair<int32_t, int>::first);
  if (at != seen_.end() && at->first == id) {
    ++at->second;
  } else {
    seen_.insert(at, {id, 1});
  }
  return top >= 0 ? DescribeToken(logits, id, top) : TokenOutput{.id = id};
}

std::optional<TokenOutput> Sampler::Sample(std::span<const float> logits, int top,
                                           const AllowedTokens* allowed) {
  const std::optional<int32_t> id = Choose(Adjust(logits), allowed);
  if (!id) return {};
  return Take(*id, logits, top);
}

Result<std::optional<TokenOutput>> Sampler::SampleWith(TokenFilter& filter, std::span<const float> logits,
                                                       int top) {
  const std::span<const float> adjusted = Adjust(logits);
  const int32_t best = ArgMax(adjusted);
  const bool tried = adjusted[best] > -std::numeric_limits<float>::infinity() && TakesLargest(adjusted[best]);
  if (tried && filter.Accept(best)) return Take(best, logits, top);
  SLUICE_TRY(const AllowedTokens allowed, filter.Allowed());
  const std::optional<int32_t> id = Choose(adjusted, &allowed);
  if (!id) return std::optional<TokenOutput>();
  SLUICE_CHECK_OK(filter.Accept(*id));
  return Take(*id, logits, top);
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

// Leaves in candidates_ the tokens of probability >= floor, likeliest first; where filters want only the
// likeliest of them, little more than these.
void Sampler::TakeCandidates(float largest, float floor) {
  const auto enough = [&] {
    if (params_.top_k > 0) return candidates_.size() >= static_cast<size_t>(params_.top_k);
    return Mass(candidates_) >= params_.top_p;  // of all, which is no less than of those above the floor
  };
  constexpr float kStep = 1.0f / 16, kNegligible = 0x1p-60f;
  thresholds_.Reset(probabilities_);
  for (float threshold = largest * kStep;; threshold *= kStep) {
    const bool last = floor > 0 || threshold < largest * kNegligible;
    candidates_.clear();
    thresholds_.Append(last ? floor : threshold, &candidates_);
    if (last || enough()) break;
  }
  const auto better = [&](int32_t a, int32_t b) {
    return probabilities_[a] != probabilities_[b] ? probabilities_[a] > probabilities_[b] : a < b;
  };
  if (params_.top_k > 0 && candidates_.size() > static_cast<size_t>(params_.top_k)) {
    std::nth_element(candidates_.begin(), candidates_.begin() + params_.top_k, candidates_.end(), better);
    candidates_.resize(params_.top_k);
  }
  std::sort(candidates_.begin(), candidates_.end(), better);
}

// Cuts candidates_ to the fewest that reach top_p of the mass that the other filters left. `all`: that mass.
void Sampler::CutToTopP(double all) {
  double kept = 0;
  size_t n = 0;
  while (n < candidates_.size() && kept < params_.top_p * all) kept += probabilities_[candidates_[n++]];
  candidates_.resize(std::max<size_t>(n, 1));
}

// Cuts candidates_ to the fewest that reach typical_p of their mass, beginning with those whose information,
// -log p, is nearest to the entropy.
void Sampler::CutToTypical() {
  const double all = Mass(candidates_);
  const auto information = [&](int32_t id) {
    return -std::log(static_cast<double>(probabilities_[id]) / all);
  };
  double entropy = 0;
  for (const int32_t id : candidates_)
    if (probabilities_[id] > 0) entropy += probabilities_[id] / all * information(id);
  std::vector<std::pair<double, int32_t>> untypical;  // the most typical on top
  for (const int32_t id : candidates_)
    if (probabilities_[id] > 0) untypical.emplace_back(std::abs(information(id) - entropy), id);
  std::ranges::make_heap(untypical, std::greater());
  candidates_.clear();
  for (double kept = 0; kept < params_.typical_p * all && !untypical.empty(); untypical.pop_back()) {
    std::ranges::pop_heap(untypical, std::greater());
    candidates_.push_back(untypical.back().second);
    kept += probabilities_[candidates_.back()];
  }
}

int32_t Sampler::Draw(std::span<const float> logits, int32_t best) {
  // A temperature of 0 is greedy and never comes here; the bounds keep 0 * infinity out.
  const float factor = std::clamp(1 / params_.temperature, 1e-38f, 3e38f);
  probabilities_.resize(logits.size());
  ShiftAndScale(logits, logits[best], factor, probabilities_);
  kernels_.softmax(probabilities_.data(), static_cast<int64_t>(probabilities_.size()));
  const float largest = probabilities_[best];
  const float floor = params_.min_p > 0 ? params_.min_p * largest : 0;
  const double uniform = Uniform(params_.seed, drawn_);
  const bool filtered = params_.top_k > 0 || params_.top_p < 1 || floor > 0;
  if (!filtered && !(params_.typical_p < 1)) {
    const int32_t id = FindMass(probabilities_, uniform);
    return id < 0 ? best : id;
  }
  if (filtered) {
    TakeCandidates(largest, floor);
  } else {
    candidates_.resize(probabilities_.size());
    std::iota(candidates_.begin(), candidates_.end(), 0);
  }
  if (candidates_.empty()) return best;
  if (params_.top_p < 1) CutToTopP(params_.top_k > 0 || floor > 0 ? Mass(candidates_) : 1);
  if (params_.typical_p < 1) CutToTypical();
  double left = uniform * Mass(candidates_);
  for (const int32_t id : candidates_)
    if ((left -= probabilities_[id]) < 0) return id;
  return candidates_.back();
}

double Sampler::Mass(std::span<const int32_t> ids) const {
  double mass = 0;
  for (const int32_t id : ids) mass += probabilities_[id];
  return mass;
}

}  // namespace sluice::engine
