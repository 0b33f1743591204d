// Answers held to a form, chosen without looking for all tokens that may come: the same as if one had looked.
#include <gtest/gtest.h>

#include <limits>

#include "constrain/written_grammars.h"
#include "engine/sampler.h"
#include "server/answer_grammar.h"

namespace sluice::server {
namespace {

using engine::AllowedTokens;
using engine::Sampler;
using engine::SamplingParams;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr int kSteps = 25;

class CountingFilter final : public engine::TokenFilter {
 public:
  explicit CountingFilter(std::shared_ptr<engine::TokenFilter> filter) : filter_(std::move(filter)) {}

  Result<AllowedTokens> Allowed() override {
    ++asked;
    return filter_->Allowed();
  }
  Status Accept(int32_t token) override { return filter_->Accept(token); }

  int asked = 0;

 private:
  std::shared_ptr<engine::TokenFilter> filter_;
};

class ChoiceTest : public testing::Test {
 protected:
  ChoiceTest() : trie_(std::make_shared<constrain::TokenTrie>(toy_)) {}

  // Few values, so that many are alike; tokens at the end are of no vocabulary.
  std::vector<float> RandomLogits() {
    std::vector<float> logits(static_cast<size_t>(toy_.vocab_size()) + 7);
    for (float& logit : logits) logit = static_cast<float>(random_() % 40) / 4;
    return logits;
  }

  // Follows an answer both ways; where tokens may come, one of them is often the likeliest, as with a model
  // that keeps to the form.
  void Follow(const std::string& name, const std::shared_ptr<constrain::CompiledGrammar>& grammar,
              const SamplingParams& params, int top) {
    CountingFilter filter(MakeTokenFilter(grammar));
    const auto reference = MakeTokenFilter(grammar);
    Sampler sampler(params, {}), masked(params, {});
    for (int step = 0; step < kSteps; ++step, ++steps_) {
      const auto allowed = reference->Allowed();
      ASSERT_TRUE(allowed) << name;
      std::vector<float> logits = RandomLogits();
      constrain::TokenSet set;
      set.ids.assign(allowed->ids.begin(), allowed->ids.end());
      set.bits.assign(allowed->bits.begin(), allowed->bits.end());
      const auto ids = constrain::Ids(set, toy_.vocab_size());
      if (!ids.empty() && random_() % 4 != 0) logits[static_cast<size_t>(ids[random_() % ids.size()])] += 8;
      const auto expected = masked.Sample(logits, top, &*allowed);
      const auto got = sampler.SampleWith(filter, logits, top);
      ASSERT_TRUE(got) << name << ": " << got.error().message;
      ASSERT_EQ(got->has_value(), expected.has_value()) << name;
      if (!expected) break;
      ASSERT_EQ((*got)->id, expected->id) << name << " at step " << step;
      ASSERT_EQ((*got)->logprob, expected->logprob);
      ASSERT_EQ((*got)->top, expected->top);
      ASSERT_TRUE(reference->Accept(expected->id));
    }
    asked_ += filter.asked;
  }

  const constrain::ToyTokenizer toy_{constrain::ToyPieces(21)};
  const std::shared_ptr<const constrain::TokenTrie> trie_;
  std::mt19937 random_{22};
  int steps_ = 0, asked_ = 0;
};

TEST_F(ChoiceTest, IsTheOneAmongAllThatMayCome) {
  const auto grammars = constrain::WrittenGrammars();
  ASSERT_TRUE(grammars) << grammars.error().message;
  const SamplingParams greedy[] = {
      {.temperature = 0},
      {.temperature = 0, .repetition_penalty = 1.3f, .frequency_penalty = 0.5f, .presence_penalty = 1},
      {.temperature = 0, .logit_bias = {{'"', 4}, {'a', -kInf}, {1 << 30, kInf}}},
      {.temperature = 1, .logit_bias = {{'a', kInf}, {'"', kInf}, {'[', kInf}}},
  };
  for (const auto& [name, grammar] : *grammars) {
    const auto compiled = constrain::CompiledGrammar::Create(grammar, trie_);
    ASSERT_TRUE(compiled) << name << ": " << compiled.error().message;
    for (const SamplingParams& params : greedy)
      for (int walk = 0; walk < 4; ++walk) Follow(name, *compiled, params, walk - 1);
  }
  EXPECT_GT(asked_, steps_ / 20) << "not every likeliest token may come";
  EXPECT_LT(asked_, steps_ * 3 / 4) << "but those that do need no other";
}

TEST_F(ChoiceTest, IsDrawnFromAllThatMayCome) {
  const auto grammars = constrain::WrittenGrammars();
  ASSERT_TRUE(grammars) << grammars.error().message;
  for (const auto& [name, grammar] : *grammars) {
    const auto compiled = constrain::CompiledGrammar::Create(grammar, trie_);
    ASSERT_TRUE(compiled) << name << ": " << compiled.error().message;
    Follow(name, *compiled, {.temperature = 0.9f, .top_p = 0.9f, .seed = 5}, 2);
  }
  EXPECT_GE(asked_, steps_);
}

}  // namespace
}  // namespace sluice::server
