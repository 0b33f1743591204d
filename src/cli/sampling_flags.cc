#include "cli/sampling_flags.h"

#include <random>

namespace sluice::cli {

void SamplingFlags::AddTo(Verb& verb) {
  constexpr int64_t kMost = INT32_MAX;
  verb.Real("--temp", &temperature, 0, 100, "Temperature; 0 takes the likeliest token");
  verb.Integer("--top-k", &top_k, 0, kMost, "Choose among the N likeliest; 0: all");
  verb.Real("--top-p", &top_p, 0, 1, "Choose among the likeliest that together reach X");
  verb.Real("--typical-p", &typical_p, 0, 1, "Choose among the most typical that together reach X");
  verb.Real("--min-p", &min_p, 0, 1, "Drop tokens below X times the likeliest");
  verb.Integer("--seed", &seed, 0, INT64_MAX, "The same seed gives the same answer; random if not given");
  verb.Integer("--max-tokens", &max_tokens, 0, kMost, "Of an answer; 0: as many as fit");
}

engine::SamplingParams SamplingFlags::Params() const {
  engine::SamplingParams params;
  params.temperature = static_cast<float>(temperature);
  params.top_k = static_cast<int>(top_k);
  params.top_p = static_cast<float>(top_p);
  params.typical_p = static_cast<float>(typical_p);
  params.min_p = static_cast<float>(min_p);
  params.seed = seed >= 0 ? static_cast<uint64_t>(seed) : std::random_device()();
  return params;
}

}  // namespace sluice::cli
