// The rules by which a router's logits become experts and weights, against a plain reading of them in
// doubles.
#include "backend/cpu/router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <random>
#include <set>

namespace sluice::backend::cpu {
namespace {

using model::Router;
using By = Router::Groups::By;
using Score = Router::Score;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

struct Choice {
  std::vector<int32_t> experts;
  std::vector<float> weights;
};

Choice Select(const Router& router, std::vector<float> logits, const std::vector<float>& bias = {}) {
  Choice choice{std::vector<int32_t>(router.top_k, -1), std::vector<float>(router.top_k)};
  // Exactly the room that is promised: the address sanitizer watches the ends.
  std::vector<float> scratch(2 * router.experts);
  SelectExperts(router, kernels::TableFor(kernels::Isa::kScalar), bias.empty() ? nullptr : bias.data(),
                nullptr, logits.data(), scratch.data(), choice.experts.data(), choice.weights.data());
  return choice;
}

// The k best indices, the lower of equals first; nullopt if values of the choice are too near to tell.
std::optional<std::vector<int>> Best(const std::vector<double>& values, int k) {
  std::vector<int> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](int a, int b) { return values[a] > values[b]; });
  for (int i = 0; i < k && i + 1 < static_cast<int>(order.size()); ++i) {
    const double gap = values[order[i]] - values[order[i + 1]];
    if (gap != 0 && gap < 1e-6) return {};
  }
  order.resize(k);
  return order;
}

double GroupValue(const std::vector<double>& choice, int first, int size, By by) {
  std::vector<double> group(choice.begin() + first, choice.begin() + first + size);
  std::ranges::sort(group, std::greater<>());
  return by == By::kMax ? group[0] : group[0] + group[1];
}

std::vector<double> Scores(const Router& router, const std::vector<float>& logits) {
  std::vector<double> scores(logits.begin(), logits.end());
  if (router.score == Score::kSigmoid)
    for (double& s : scores) s = 1 / (1 + std::exp(-s));
  if (router.score != Score::kSoftmax) return scores;
  const double max = *std::ranges::max_element(scores);
  double sum = 0;
  for (double& s : scores) sum += s = std::exp(s - max);
  for (double& s : scores) s /= sum;
  return scores;
}

struct Expected {
  std::vector<int> experts;
  std::vector<double> weights;
};
std::optional<Expected> Reference(const Router& router, const std::vector<float>& logits,
                                  const std::vector<float>& bias) {
  const std::vector<double> scores = Scores(router, logits);
  std::vector<double> choice = scores;
  for (size_t e = 0; e < bias.size(); ++e) choice[e] += bias[e];
  if (router.groups) {
    const int size = router.experts / router.groups->count;
    std::vector<double> values;
    for (int g = 0; g < router.groups->count; ++g)
      values.push_back(GroupValue(choice, g * size, size, router.groups->by));
    const auto kept = Best(values, router.groups->keep);
    if (!kept) return {};
    for (int e = 0; e < router.experts; ++e)
      if (std::ranges::find(*kept, e / size) == kept->end()) choice[e] = -1e300;
  }
  const auto experts = Best(choice, router.top_k);
  if (!experts) return {};
  Expected expected{*experts, {}};
  double sum = 0;
  for (int e : *experts)
    expected.weights.push_back(router.score == Score::kSoftmaxOfTopK ? std::exp(scores[e]) : scores[e]);
  for (double w : expected.weights) sum += w;
  for (double& w : expected.weights) {
    if (router.renormalize || router.score == Score::kSoftmaxOfTopK) w /= sum;
    w *= router.scale;
  }
  return expected;
}

std::vector<float> RandomFloats(std::mt19937& random, int n, float step, int span) {
  std::uniform_int_distribution<int> steps(-span, span);  // coarse, so that ties happen
  std::vector<float> values(n);
  for (float& v : values) v = step * static_cast<float>(steps(random));
  return values;
}

TEST(Router, EveryRuleAgreesWithAPlainReading) {
  std::mt19937 random(7);
  int compared = 0;
  for (int i = 0; i < 4000; ++i) {
    const auto pick = [&](int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(random); };
    Router router{
        .experts = 0, .top_k = 0, .score = static_cast<Score>(pick(0, 2)), .renormalize = pick(0, 1) == 1};
    router.scale = pick(0, 1) ? 2.5f : 1.0f;
    const int groups = pick(1, 6), size = pick(2, 9);
    router.experts = groups * size;
    int room = router.experts;
    if (groups > 1) {
      router.groups = Router::Groups{groups, pick(1, groups), pick(0, 1) ? By::kMax : By::kTop2Sum};
      room = router.groups->keep * size;
    }
    router.top_k = pick(1, std::min(room, 8));
    const auto logits = RandomFloats(random, router.experts, 0.25f, 12);
    const auto bias = pick(0, 1) ? RandomFloats(random, router.experts, 0.0625f, 20) : std::vector<float>();
    const auto expected = Reference(router, logits, bias);
    if (!expected) continue;
    ++compared;
    const Choice actual = Select(router, logits, bias);
    ASSERT_EQ(std::vector<int>(actual.experts.begin(), actual.experts.end()), expected->experts)
        << "case " << i;
    for (int j = 0; j < router.top_k; ++j)
      ASSERT_NEAR(actual.weights[j], expected->weights[j], 1e-5) << "case " << i;
  }
  EXPECT_GT(compared, 2000);
}

TEST(Router, SoftmaxKeepsTheProbabilitiesUnlessRenormalised) {
  const std::vector<float> logits = {0, std::log(2.0f), std::log(5.0f), 0};  // 1/9, 2/9, 5/9, 1/9
  Choice c = Select({.experts = 4, .top_k = 2}, logits);
  EXPECT_EQ(c.experts, (std::vector<int32_t>{2, 1}));
  EXPECT_NEAR(c.weights[0], 5.0 / 9, 1e-6);
  EXPECT_NEAR(c.weights[1], 2.0 / 9, 1e-6);
  c = Select({.experts = 4, .top_k = 2, .renormalize = true, .scale = 3}, logits);
  EXPECT_NEAR(c.weights[0], 3 * 5.0 / 7, 1e-6);
  EXPECT_NEAR(c.weights[1], 3 * 2.0 / 7, 1e-6);
}

TEST(Router, TheSelectionBiasChoosesButDoesNotWeigh) {
  const Choice c = Select({.experts = 3, .top_k = 1, .score = Score::kSigmoid}, {0, 1, 2}, {5, 0, 0});
  EXPECT_EQ(c.experts[0], 0);
  EXPECT_FLOAT_EQ(c.weights[0], 0.5f);
}

TEST(Router, TiesGoToTheLowestIndex) {
  for (const Score score : {Score::kSoftmax, Score::kSigmoid, Score::kSoftmaxOfTopK}) {
    const Choice c = Select({.experts = 6, .top_k = 3, .score = score}, {1, 2, 1, 2, 2, 1});
    EXPECT_EQ(c.experts, (std::vector<int32_t>{1, 3, 4}));
  }
  Router grouped{.experts = 6, .top_k = 2, .groups = Router::Groups{3, 1, By::kMax}};
  EXPECT_EQ(Select(grouped, {0, 4, 4, 0, 4, 4}).experts, (std::vector<int32_t>{1, 0}));
}

// A biased score may be negative: an excluded group must not win with a zero.
TEST(Router, ExcludedGroupsLoseAgainstNegativeScores) {
  const std::vector<float> bias = {-9, -9, -9, -30, -30, -30};
  for (const By by : {By::kMax, By::kTop2Sum}) {
    const Router router{
        .experts = 6, .top_k = 3, .score = Score::kSigmoid, .groups = Router::Groups{2, 1, by}};
    EXPECT_EQ(Select(router, {0, 1, 2, 9, 9, 9}, bias).experts, (std::vector<int32_t>{2, 1, 0}));
    EXPECT_EQ(Select(router, {0, 1, 2, 9, 9, 9}, {-kInf, -9, -9, -kInf, -kInf, -kInf}).experts,
              (std::vector<int32_t>{2, 1, 0}));
  }
}

TEST(Router, SaturatedScoresGiveFiniteWeights) {
  for (const float logit : {-1e4f, 1e4f}) {
    const Choice c =
        Select({.experts = 4, .top_k = 2, .score = Score::kSigmoid, .renormalize = true, .scale = 2.5f},
               {logit, logit, logit, logit});
    EXPECT_EQ(c.experts, (std::vector<int32_t>{0, 1}));
    for (float w : c.weights) EXPECT_TRUE(std::isfinite(w)) << logit;
  }
}

TEST(Router, WhateverTheLogitsTheChoiceIsDistinctAndInRange) {
  std::mt19937 random(11);
  const float odd[] = {kNaN, -kNaN, kInf, -kInf, 0, -0.0f, 1, 3e38f, -3e38f, 1e-45f};
  const auto draw = [&](int n) {
    std::vector<float> values(n);
    for (float& v : values) v = odd[random() % std::size(odd)];
    return values;
  };
  for (int i = 0; i < 3000; ++i) {
    const int groups = 1 + static_cast<int>(random() % 5), size = 2 + static_cast<int>(random() % 4);
    Router router{.experts = groups * size,
                  .score = static_cast<Score>(random() % 3),
                  .renormalize = random() % 2 == 0};
    const int keep = 1 + static_cast<int>(random() % groups);
    if (groups > 1) router.groups = Router::Groups{groups, keep, random() % 2 ? By::kMax : By::kTop2Sum};
    router.top_k = 1 + static_cast<int>(random() % (groups > 1 ? keep * size : size));
    const Choice c =
        Select(router, draw(router.experts), random() % 2 ? draw(router.experts) : std::vector<float>());
    for (int32_t e : c.experts) {
      ASSERT_GE(e, 0);
      ASSERT_LT(e, router.experts);
    }
    ASSERT_EQ(std::set<int32_t>(c.experts.begin(), c.experts.end()).size(), c.experts.size()) << "case " << i;
  }
}

TEST(Router, NaNIsChosenLast) {
  const Router router{.experts = 4, .top_k = 3, .score = Score::kSoftmaxOfTopK};
  EXPECT_EQ(Select(router, {kNaN, 1, -kInf, 2}).experts, (std::vector<int32_t>{3, 1, 2}));
  EXPECT_EQ(Select(router, {kNaN, kNaN, kNaN, 2}).experts, (std::vector<int32_t>{3, 0, 1}));
}

TEST(Router, ThereMayBeAnyNumberOfGroups) {
  const int n = 5000;
  Router router{.experts = n, .top_k = 3, .groups = Router::Groups{n, 7, By::kMax}};
  std::vector<float> logits(n);
  for (int e = 0; e < n; ++e) logits[e] = 0.001f * static_cast<float>(e);
  EXPECT_EQ(Select(router, logits).experts, (std::vector<int32_t>{n - 1, n - 2, n - 3}));
}

}  // namespace
}  // namespace sluice::backend::cpu
