#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>

namespace sluice::engine {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
using Logits = std::vector<float>;

// How often each token is drawn first, over many seeds.
std::map<int32_t, int> Draws(SamplingParams params, const Logits& logits, int n = 4000) {
  std::map<int32_t, int> draws;
  for (int i = 0; i < n; ++i) {
    params.seed = static_cast<uint64_t>(i);
    ++draws[Sampler(params, {}).Sample(logits, -1)->id];
  }
  return draws;
}
std::set<int32_t> Drawn(const SamplingParams& params, const Logits& logits) {
  std::set<int32_t> ids;
  for (const auto& [id, n] : Draws(params, logits)) ids.insert(id);
  return ids;
}
Logits LogOf(const std::vector<double>& probabilities) {
  Logits logits;
  for (double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

TEST(ArgMax, TakesTheFirstOfEqualsAndSkipsNaN) {
  EXPECT_EQ(ArgMax(Logits{1, 3, 3, 2}), 1);
  EXPECT_EQ(ArgMax(Logits{kNaN, 1, kNaN, 2}), 3);
  EXPECT_EQ(ArgMax(Logits{kNaN, kNaN, kNaN}), 0);
  EXPECT_EQ(ArgMax(Logits{kNaN, -kInf}), 1);
}

TEST(FirstNotFinite, FindsEveryKind) {
  EXPECT_EQ(FirstNotFinite(Logits{}), -1);
  EXPECT_EQ(FirstNotFinite(Logits(1000, -3e38f)), -1);
  for (const float odd : {kNaN, -kNaN, kInf, -kInf}) {
    Logits logits(100, 1.0f);
    logits[37] = logits[90] = odd;
    EXPECT_EQ(FirstNotFinite(logits), 37);
  }
}

// The entropy of these is 1.142 nats; a token of 0.3 carries 1.204, one of 0.5 0.693, one of 0.15 1.897.
TEST(Sampler, TypicalKeepsWhatIsNearTheEntropy) {
  const Logits logits = LogOf({0.5, 0.05, 0.3, 0.15});
  EXPECT_EQ(Drawn({.typical_p = 0.2f}, logits), (std::set<int32_t>{2}));
  EXPECT_EQ(Drawn({.typical_p = 0.31f}, logits), (std::set<int32_t>{0, 2}));
  EXPECT_EQ(Drawn({.typical_p = 0.81f}, logits), (std::set<int32_t>{0, 2, 3}));
  EXPECT_EQ(Drawn({.typical_p = 1}, logits), (std::set<int32_t>{0, 1, 2, 3}));
  // Of what other filters left: of 0.5 and 0.3 the entropy is 0.662 and the first carries 0.470.
  EXPECT_EQ(Drawn({.top_k = 2, .typical_p = 0.6f}, logits), (std::set<int32_t>{0}));
  EXPECT_EQ(Drawn({.typical_p = 1e-6f}, Logits{-kInf, 0, -kInf}), (std::set<int32_t>{1}));
}

TEST(Sampler, DrawsByProbability) {
  const auto draws = Draws({}, LogOf({0.5, 0.3, 0.2}), 20000);
  EXPECT_NEAR(draws.at(0) / 20000.0, 0.5, 0.015);
  EXPECT_NEAR(draws.at(1) / 20000.0, 0.3, 0.015);
  EXPECT_NEAR(draws.at(2) / 20000.0, 0.2, 0.015);
}

// The shares of a large vocabulary, most of it in a long tail, under each filter.
TEST(Sampler, DrawsFromALargeVocabulary) {
  constexpr int kVocabulary = 20011;
  Logits logits(kVocabulary);
  for (int i = 0; i < kVocabulary; ++i) logits[i * 7 % kVocabulary] = -2 * std::log(1.0f + i);  // 1 / rank^2
  const auto share_of_first = [&](const SamplingParams& params) {
    return Draws(params, logits, 8000)[0] / 8000.0;
  };
  constexpr double kAll = 1.6449;  // the sum of 1 / rank^2
  EXPECT_NEAR(share_of_first({}), 1 / kAll, 0.02);
  EXPECT_NEAR(share_of_first({.top_k = 3}), 1 / (1 + 1 / 4.0 + 1 / 9.0), 0.02);
  EXPECT_NEAR(share_of_first({.top_p = 0.8f}), 1 / (1 + 1 / 4.0 + 1 / 9.0), 0.02);
  EXPECT_NEAR(share_of_first({.min_p = 0.1f}), 1 / (1 + 1 / 4.0 + 1 / 9.0), 0.02);
  EXPECT_EQ(Drawn({.top_k = 3}, logits), (std::set<int32_t>{0, 7, 14}));
  EXPECT_EQ(Drawn({.top_p = 0.8f}, logits), (std::set<int32_t>{0, 7, 14}));
  EXPECT_EQ(Drawn({.top_k = 4, .top_p = 0.999f}, logits), (std::set<int32_t>{0, 7, 14, 21}));
  EXPECT_GT(Drawn({.top_p = 0.9999f}, logits).size(), 30u);
}

TEST(Sampler, TemperatureSharpensAndFlattens) {
  // At temperature 1/2 probabilities are squared: 25 : 9 : 4.
  const auto sharp = Draws({.temperature = 0.5f}, LogOf({0.5, 0.3, 0.2}), 20000);
  EXPECT_NEAR(sharp.at(0) / 20000.0, 25.0 / 38, 0.015);
  EXPECT_NEAR(sharp.at(2) / 20000.0, 4.0 / 38, 0.015);
  EXPECT_EQ(Drawn({.temperature = 1e-30f}, LogOf({0.3, 0.35, 0.35})), (std::set<int32_t>{1, 2}));
  EXPECT_EQ(Drawn({.temperature = 1e38f}, {-1e38f, 0, 1e38f}), (std::set<int32_t>{0, 1, 2}));
}

TEST(Sampler, ZeroTemperatureIsGreedy) {
  EXPECT_EQ(Drawn({.temperature = 0}, LogOf({0.3, 0.35, 0.35})), (std::set<int32_t>{1}));
  // The penalties count all the same.
  EXPECT_EQ(Drawn({.temperature = 0, .logit_bias = {{0, 5}}}, {1, 2}), (std::set<int32_t>{0}));
}

TEST(Sampler, TopKKeepsTheLikeliestAndTheFirstOfEquals) {
  EXPECT_EQ(Drawn({.top_k = 2}, {1, 1.5f, 1.2f, 1.4f}), (std::set<int32_t>{1, 3}));
  EXPECT_EQ(Drawn({.top_k = 2}, {1, 1, 1, 1}), (std::set<int32_t>{0, 1}));
  EXPECT_EQ(Drawn({.top_k = 9}, {1, 1}), (std::set<int32_t>{0, 1}));
}

TEST(Sampler, TopPKeepsTheFewestThatReachIt) {
  const Logits logits = LogOf({0.1, 0.4, 0.2, 0.3});
  EXPECT_EQ(Drawn({.top_p = 0.39f}, logits), (std::set<int32_t>{1}));
  EXPECT_EQ(Drawn({.top_p = 0.5f}, logits), (std::set<int32_t>{1, 3}));
  EXPECT_EQ(Drawn({.top_p = 0.89f}, logits), (std::set<int32_t>{1, 2, 3}));
  EXPECT_EQ(Drawn({.top_p = 0}, logits), (std::set<int32_t>{1})) << "never nothing";
  // Of what top_k left: 0.4 and 0.3 are 4/7 and 3/7.
  EXPECT_EQ(Drawn({.top_k = 2, .top_p = 0.55f}, logits), (std::set<int32_t>{1}));
}

TEST(Sampler, MinPIsRelativeToTheLikeliest) {
  const Logits logits = LogOf({0.1, 0.4, 0.2, 0.3});
  EXPECT_EQ(Drawn({.min_p = 0.6f}, logits), (std::set<int32_t>{1, 3}));
  EXPECT_EQ(Drawn({.min_p = 0.45f}, logits), (std::set<int32_t>{1, 2, 3}));
  EXPECT_EQ(Drawn({.min_p = 1}, logits), (std::set<int32_t>{1}));
  // After the temperature, which brings 0.4 and 0.3 to 16 : 9.
  EXPECT_EQ(Drawn({.temperature = 0.5f, .min_p = 0.6f}, logits), (std::set<int32_t>{1}));
}

TEST(Sampler, SameSeedSameTokens) {
  const Logits logits(50, 0.0f);
  const auto answer = [&](uint64_t seed) {
    Sampler sampler({.seed = seed}, {});
    std::vector<int32_t> ids;
    for (int i = 0; i < 20; ++i) ids.push_back(sampler.Sample(logits, -1)->id);
    return ids;
  };
  EXPECT_EQ(answer(5), answer(5));
  EXPECT_NE(answer(5), answer(6));
  const std::vector<int32_t> ids = answer(5);
  EXPECT_GT(std::set<int32_t>(ids.begin(), ids.end()).size(), 5u);
}

TEST(Sampler, LogitBiasIsAdded) {
  EXPECT_EQ(Drawn({.logit_bias = {{0, -100}}}, {3, 1, 1}), (std::set<int32_t>{1, 2}));
  EXPECT_EQ(Drawn({.logit_bias = {{2, 100}}}, {3, 1, 1}), (std::set<int32_t>{2}));
  EXPECT_EQ(Drawn({.logit_bias = {{-1, 100}, {3, 100}, {1 << 30, 100}}}, {60, 1, 1}), (std::set<int32_t>{0}))
      << "ids outside the vocabulary";
}

TEST(Sampler, OnlyAllowedTokensAreDrawn) {
  const std::vector<int32_t> ids = {1, 3, 9};
  const std::vector<uint64_t> bits = {0b1010};
  const Logits logits = {9, 1, 9, 1.5f};
  for (const AllowedTokens& allowed : {AllowedTokens{.ids = ids}, AllowedTokens{.bits = bits}}) {
    std::set<int32_t> drawn;
    Sampler warm({.temperature = 5}, {});
    for (int i = 0; i < 200; ++i) drawn.insert(warm.Sample(logits, -1, &allowed)->id);
    EXPECT_EQ(drawn, (std::set<int32_t>{1, 3}));
    Sampler greedy({.temperature = 0, .frequency_penalty = 2}, {});
    EXPECT_EQ(greedy.Sample(logits, -1, &allowed)->id, 3);
    EXPECT_EQ(greedy.Sample(logits, -1, &allowed)->id, 1) << "penalties are those of the token";
    EXPECT_EQ(greedy.Sample(logits, -1)->id, 0);
    Sampler described({.temperature = 0}, {});
    EXPECT_EQ(described.Sample(logits, 1, &allowed)->top[0].first, 0) << "the model's own distribution";
  }
  const AllowedTokens none;
  EXPECT_FALSE(Sampler({}, {}).Sample(logits, -1, &none));
}

// Lets tokens through that are no multiples of 3, and counts who asks for them all.
class NoThirds final : public TokenFilter {
 public:
  Result<AllowedTokens> Allowed() override {
    ++asked;
    return AllowedTokens{.ids = ids_};
  }
  Status Accept(int32_t token) override {
    if (token % 3 == 0) return Fail(ErrorCode::kInternal, "a multiple of 3");
    accepted.push_back(token);
    return {};
  }

  int asked = 0;
  std::vector<int32_t> accepted;

 private:
  const std::vector<int32_t> ids_ = {1, 2, 4, 5};
};

TEST(Sampler, TheLikeliestOfAllNeedsNoOtherIfItMayCome) {
  NoThirds filter;
  Sampler greedy({.temperature = 0}, {});
  EXPECT_EQ((**greedy.SampleWith(filter, Logits{1, 2, 2, 0}, -1)).id, 1);
  EXPECT_EQ(filter.asked, 0);
  EXPECT_EQ((**greedy.SampleWith(filter, Logits{3, 1, 2, 9}, -1)).id, 2);
  EXPECT_EQ(filter.asked, 1);
  Sampler warm({.temperature = 1}, {});
  EXPECT_NE((**warm.SampleWith(filter, Logits{9, 3, 2, 9}, -1)).id % 3, 0);
  EXPECT_EQ(filter.asked, 2);
  EXPECT_EQ(filter.accepted.size(), 3u);
  Sampler banned({.temperature = 0, .logit_bias = {{1, -kInf}, {2, -kInf}}}, {});
  EXPECT_FALSE((*banned.SampleWith(filter, Logits{3, 1, 2, 9}, -1)).has_value());
}

TEST(Sampler, BannedTokensAreNeverDrawn) {
  const SamplingParams two{.temperature = 1e38f, .logit_bias = {{0, -kInf}, {2, -kInf}}};
  EXPECT_EQ(Drawn(two, {9, 1, 9, 1}), (std::set<int32_t>{1, 3}));
  for (const float temperature : {0.0f, 1.0f}) {
    Sampler all({.temperature = temperature, .logit_bias = {{0, -kInf}, {1, -kInf}}}, {});
    EXPECT_FALSE(all.Sample(Logits{1, 2}, 2));
    Sampler lifted({.temperature = temperature, .logit_bias = {{0, kInf}}}, {});
    EXPECT_EQ(lifted.Sample(Logits{1, 2}, -1)->id, 0);
  }
}

TEST(Sampler, FrequencyAndPresenceCountTheAnswerOnly) {
  const std::vector<int32_t> prompt = {0, 0, 0};
  Sampler frequency({.temperature = 0, .frequency_penalty = 1}, prompt);
  std::vector<int32_t> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(frequency.Sample(Logits{3.5f, 2, 0}, -1)->id);
  // 3.5, 2.5, then 1.5 against 2; 1.5 against 1; then 0.5 against 1, and so on.
  EXPECT_EQ(ids, (std::vector<int32_t>{0, 0, 1, 0, 1, 0}));
  Sampler presence({.temperature = 0, .presence_penalty = 1}, prompt);
  ids.clear();
  for (int i = 0; i < 4; ++i) ids.push_back(presence.Sample(Logits{2.5f, 2, 0}, -1)->id);
  EXPECT_EQ(ids, (std::vector<int32_t>{0, 1, 0, 0}));  // once each, however often
}

TEST(Sampler, RepetitionPenaltyCountsThePromptAndBothSigns) {
  const SamplingParams params{.temperature = 0, .repetition_penalty = 2};
  EXPECT_EQ(Sampler(params, std::vector<int32_t>{0}).Sample(Logits{3, 2}, -1)->id, 1);     // 1.5 against 2
  EXPECT_EQ(Sampler(params, std::vector<int32_t>{0, 0}).Sample(Logits{5, 2}, -1)->id, 0);  // once, not twice
  EXPECT_EQ(Sampler(params, std::vector<int32_t>{0}).Sample(Logits{-1, -1.5f}, -1)->id,
            1);  // -2 against -1.5
  Sampler twice(params, {});
  EXPECT_EQ(twice.Sample(Logits{3, 2}, -1)->id, 0);
  EXPECT_EQ(twice.Sample(Logits{3, 2}, -1)->id, 1);
}

TEST(Sampler, LogprobsAreOfTheModelBeforeEverything) {
  const Logits logits = LogOf({0.1, 0.4, 0.2, 0.3});
  Sampler sampler({.temperature = 0.3f, .top_k = 1, .logit_bias = {{0, 50}}}, {});
  const auto out = sampler.Sample(logits, 3);
  ASSERT_TRUE(out);
  EXPECT_EQ(out->id, 0);
  EXPECT_NEAR(out->logprob, std::log(0.1), 1e-6);
  ASSERT_EQ(out->top.size(), 3u);
  EXPECT_EQ(out->top[0].first, 1);
  EXPECT_EQ(out->top[1].first, 3);
  EXPECT_EQ(out->top[2].first, 2);
  EXPECT_NEAR(out->top[1].second, std::log(0.3), 1e-6);
  EXPECT_TRUE(sampler.Sample(logits, 0)->top.empty());
  EXPECT_EQ(sampler.Sample(logits, 99)->top.size(), 4u);
}

TEST(Sampler, LogprobsSumToOne) {
  Logits logits;
  for (int i = 0; i < 3000; ++i) logits.push_back(30 * std::sin(static_cast<float>(i)));
  const auto out = Sampler({}, {}).Sample(logits, 3000);
  double sum = 0;
  for (const auto& [id, logprob] : out->top) sum += std::exp(static_cast<double>(logprob));
  EXPECT_NEAR(sum, 1, 1e-5);
  const auto huge = Sampler({}, {}).Sample(Logits{3e38f, -3e38f, 0}, 3);
  EXPECT_EQ(huge->id, 0);
  EXPECT_EQ(huge->logprob, 0);
}

// Values that no caller should send end in a token all the same.
TEST(Sampler, OddParametersDrawSomeToken) {
  for (const float odd : {kNaN, kInf, -kInf, -1.0f, 0.0f, 1e-45f, 3e38f}) {
    for (const SamplingParams& params :
         {SamplingParams{.temperature = odd}, SamplingParams{.top_p = odd}, SamplingParams{.min_p = odd},
          SamplingParams{.repetition_penalty = odd}, SamplingParams{.frequency_penalty = odd},
          SamplingParams{.presence_penalty = odd}, SamplingParams{.top_k = -7}}) {
      Sampler sampler(params, std::vector<int32_t>{0, 1});
      for (int i = 0; i < 5; ++i) {
        const auto out = sampler.Sample(Logits{1, -2, 3, 0}, 2);
        if (!out) continue;  // an infinite penalty bans
        EXPECT_GE(out->id, 0);
        EXPECT_LT(out->id, 4);
      }
    }
  }
}

}  // namespace
}  // namespace sluice::engine
