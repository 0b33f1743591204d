// Embeddings: the states behind the final norm, which the head would turn into logits.
#include <gtest/gtest.h>

#include "engine/engine.h"
#include "engine/recorder.h"
#include "model/edited_checkpoint.h"

namespace sluice::engine {
namespace {

class EmbeddingTest : public ::testing::Test {
 protected:
  void Create(const EngineOptions& options, const char* golden = "mixtral") {
    auto model = model::LoadModel(model::OpenGolden(golden), team_);
    ASSERT_TRUE(model) << model.error().message;
    auto engine = Engine::Create(std::move(*model), team_, options);
    ASSERT_TRUE(engine) << engine.error().message;
    engine_ = std::move(*engine);
  }
  static Request Ask(int n, Pooling pooling) {
    Request request{.pooling = pooling};
    for (int i = 0; i < n; ++i) request.prompt.push_back((3 + 7 * i) % 160);
    return request;
  }
  Recorded Answer(const Request& request) {
    const Recorder recorder;
    const auto id = engine_->Submit(request, recorder.Listen());
    EXPECT_TRUE(id) << id.error().message;
    return id ? recorder.Wait() : Recorded{};
  }

  ThreadTeam team_{1, /*pin=*/false};
  std::unique_ptr<Engine> engine_;
};

TEST_F(EmbeddingTest, TheMeanIsThatOfTheLastStatesOfEveryPrefix) {
  Create({.context = 64, .max_batch_tokens = 7});
  constexpr int kTokens = 40;
  std::vector<double> sum(static_cast<size_t>(engine_->model().desc.dim));
  for (int n = 1; n <= kTokens; ++n) {
    const Recorded last = Answer(Ask(n, Pooling::kLast));
    EXPECT_EQ(last.finish, Finish::kStop);
    EXPECT_TRUE(last.tokens.empty());
    EXPECT_EQ(last.cached, n > 32 ? 32 : 0) << n;
    ASSERT_EQ(last.embedding.size(), sum.size());
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += last.embedding[i];
  }
  const Recorded mean = Answer(Ask(kTokens, Pooling::kMean));
  ASSERT_EQ(mean.embedding.size(), sum.size());
  for (size_t i = 0; i < sum.size(); ++i)
    EXPECT_EQ(mean.embedding[i], static_cast<float>(sum[i] / kTokens)) << i;
  EXPECT_EQ(mean.cached, 0) << "a mean needs every state";
  EXPECT_EQ(engine_->stats().generated_tokens, 0);
  EXPECT_EQ(engine_->stats().kv_blocks_used, 0);
}

// Beside answers, put back and computed again: the same bits.
TEST_F(EmbeddingTest, DoNotDependOnWhatElseRuns) {
  Create({.context = 64});
  const Recorded mean = Answer(Ask(60, Pooling::kMean)), last = Answer(Ask(60, Pooling::kLast));
  Request text = Ask(20, Pooling::kNone);
  text.max_tokens = 30;
  text.sampling.temperature = 0;
  const Recorded answer = Answer(text);
  Create({.context = 64, .kv_tokens = 96, .max_batch_tokens = 16});
  std::vector<Recorder> means(6), lasts(6), answers(6);
  for (size_t i = 0; i < means.size(); ++i) {
    ASSERT_TRUE(engine_->Submit(Ask(60, Pooling::kMean), means[i].Listen()));
    Request first = text;
    first.priority = -1;
    ASSERT_TRUE(engine_->Submit(first, answers[i].Listen()));
    ASSERT_TRUE(engine_->Submit(Ask(60, Pooling::kLast), lasts[i].Listen()));
  }
  for (size_t i = 0; i < means.size(); ++i) {
    EXPECT_EQ(means[i].Wait().embedding, mean.embedding);
    EXPECT_EQ(lasts[i].Wait().embedding, last.embedding);
    EXPECT_EQ(answers[i].Wait().ids(), answer.ids());
  }
}

TEST_F(EmbeddingTest, MayFillTheContextAndNoMore) {
  Create({.context = 64});
  EXPECT_EQ(Answer(Ask(64, Pooling::kLast)).finish, Finish::kStop);
  EXPECT_FALSE(engine_->Submit(Ask(65, Pooling::kLast), [](const Event&) { ADD_FAILURE(); }));
  Create({.context = 64}, "t5");
  const auto refused = engine_->Submit(Ask(3, Pooling::kMean), [](const Event&) { ADD_FAILURE(); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUsage);
}

}  // namespace
}  // namespace sluice::engine
