#include "backend/cpu/router.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sluice::backend::cpu {
namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();
constexpr float kExcluded =
    std::numeric_limits<float>::quiet_NaN();  // after everything, even a bias of -infinity

// Whether value a of the list goes before b: the larger first, the lower index of equals, NaN last.
bool Before(const float* values, int a, int b) {
  const bool a_is_nan = std::isnan(values[a]), b_is_nan = std::isnan(values[b]);
  if (a_is_nan != b_is_nan) return b_is_nan;
  if (values[a] > values[b]) return true;
  return !(values[a] < values[b]) && a < b;
}

// The best of n that comes after `last` in that order; -1 as `last`: the very best.
int NextBest(const float* values, int n, int last) {
  int best = -1;
  for (int i = 0; i < n; ++i) {
    if (last >= 0 && !Before(values, last, i)) continue;
    if (best < 0 || Before(values, i, best)) best = i;
  }
  return best;
}

float GroupScore(const float* choice, int size, model::Router::Groups::By by) {
  float first = kLowest, second = kLowest;
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

// Excludes the experts of all but the best groups. `scores`: [groups].
void KeepBestGroups(const model::Router& router, float* choice, float* scores) {
  const auto& groups = *router.groups;
  const int size = router.experts / groups.count;
  for (int g = 0; g < groups.count; ++g) scores[g] = GroupScore(choice + g * size, size, groups.by);
  int last = -1;  // kept
  for (int i = 0; i < groups.keep; ++i) last = NextBest(scores, groups.count, last);
  for (int g = 0; g < groups.count; ++g)
    if (Before(scores, last, g)) std::fill_n(choice + g * size, size, kExcluded);
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
    if (router.groups) KeepBestGroups(router, choice, scratch + n);
  }
  for (int i = 0; i < k; ++i) experts[i] = NextBest(choice, n, i == 0 ? -1 : experts[i - 1]);

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
