#include "backend/cpu/router.h"

#include <algorithm>
#include <limits>

namespace sluice::backend::cpu {
namespace {

constexpr float kExcluded = -std::numeric_limits<float>::infinity();

// The k largest of n, best first; NaN counts as smaller than everything.
void TopK(const float* values, int n, int k, int32_t* chosen) {
  for (int i = 0; i < k; ++i) {
    int best = -1;
    for (int e = 0; e < n; ++e) {
      if (std::find(chosen, chosen + i, e) != chosen + i) continue;
      if (best < 0 || values[e] > values[best] || (values[best] != values[best] && values[e] == values[e])) best = e;
    }
    chosen[i] = best;
  }
}

float GroupScore(const float* choice, int size, model::Router::Groups::By by) {
  float first = kExcluded, second = kExcluded;
  for (int i = 0; i < size; ++i) {
    if (choice[i] > first) {
      second = first;
      first = choice[i];
    } else if (choice[i] > second) {
      second = choice[i];
    }
  }
  return by == model::Router::Groups::By::kMax || size == 1 ? first : first + second;
}

// Excludes the experts of all but the best groups.
void KeepBestGroups(const model::Router& router, float* choice) {
  constexpr int kMaxGroups = 1024;
  const auto& groups = *router.groups;
  const int size = router.experts / groups.count;
  float score[kMaxGroups] = {};
  int32_t kept[kMaxGroups] = {};
  for (int g = 0; g < groups.count; ++g) score[g] = GroupScore(choice + g * size, size, groups.by);
  TopK(score, groups.count, groups.keep, kept);
  for (int g = 0; g < groups.count; ++g)
    if (std::find(kept, kept + groups.keep, g) == kept + groups.keep)
      std::fill_n(choice + g * size, size, kExcluded);
}

}  // namespace

void SelectExperts(const model::Router& router, const kernels::Table& kernels, const float* selection_bias,
                   float* scores, float* scratch, int32_t* experts, float* weights) {
  using Score = model::Router::Score;
  const int n = router.experts, k = router.top_k;
  if (router.score == Score::kSoftmax) kernels.softmax(scores, n);
  if (router.score == Score::kSigmoid) kernels.sigmoid(scores, n, scores);

  float* choice = scores;
  if (selection_bias != nullptr || router.groups) {
    choice = scratch;
    for (int e = 0; e < n; ++e) choice[e] = selection_bias ? scores[e] + selection_bias[e] : scores[e];
    if (router.groups) KeepBestGroups(router, choice);
  }
  TopK(choice, n, k, experts);

  for (int i = 0; i < k; ++i) weights[i] = scores[experts[i]];
  if (router.score == Score::kSoftmaxOfTopK) kernels.softmax(weights, k);
  if (router.renormalize) {
    float sum = 0;
    for (int i = 0; i < k; ++i) sum += weights[i];
    for (int i = 0; i < k; ++i) weights[i] /= sum + 1e-20f;
  }
  for (int i = 0; i < k; ++i) weights[i] *= router.scale;
}

}  // namespace sluice::backend::cpu
