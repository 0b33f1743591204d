// What an engine promises for models that answer sources.
#include <gtest/gtest.h>

#include "engine/engine.h"
#include "engine/recorder.h"
#include "model/edited_checkpoint.h"

namespace sluice::engine {
namespace {

constexpr int kVocab = 160;  // of the models

class EngineSourceTest : public ::testing::Test {
 protected:
  void Create(const char* golden, const EngineOptions& options) {
    auto model = model::LoadModel(model::OpenGolden(golden), team_);
    ASSERT_TRUE(model) << model.error().message;
    auto engine = Engine::Create(std::move(*model), team_, options);
    ASSERT_TRUE(engine) << engine.error().message;
    engine_ = std::move(*engine);
  }
  static std::vector<int32_t> Ids(int n) {
    std::vector<int32_t> ids(n);
    for (int i = 0; i < n; ++i) ids[i] = (3 + 7 * i) % kVocab;
    return ids;
  }
  static Request Ask(int source, int max_tokens) {
    return {.source = Ids(source), .max_tokens = max_tokens, .sampling = {.temperature = 0}};
  }
  Recorded Answer(const Request& request) {
    const Recorder recorder;
    const auto id = engine_->Submit(request, recorder.Listen());
    EXPECT_TRUE(id) << id.error().message;
    return id ? recorder.Wait() : Recorded{};
  }
  std::string Refusal(const Request& request) {
    const auto id = engine_->Submit(request, [](const Event&) { ADD_FAILURE(); });
    return id ? "" : id.error().message;
  }

  ThreadTeam team_{2, /*pin=*/false};
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineSourceTest, SourceAndAnswerMayEachFillTheContext) {
  Create("switch", {.context = 48});
  const Recorded answer = Answer(Ask(48, 0));
  EXPECT_EQ(answer.finish, Finish::kLength);
  EXPECT_EQ(answer.tokens.size(), 47u);  // after the start token
  // Nothing was lost: the same again.
  EXPECT_EQ(Answer(Ask(48, 0)).ids(), answer.ids());
  EXPECT_NE(Refusal(Ask(49, 1)).find("the source has 49 tokens and the context holds 48"), std::string::npos);
}

TEST_F(EngineSourceTest, AnAnswerMayBeBegun) {
  Create("t5", {.context = 64});
  const std::vector<int32_t> whole = Answer(Ask(20, 8)).ids();
  Request request = Ask(20, 5);
  request.prompt = {0, whole[0], whole[1], whole[2]};
  EXPECT_EQ(Answer(request).ids(), std::vector<int32_t>(whole.begin() + 3, whole.end()));
}

TEST_F(EngineSourceTest, RefusesWhatItCanNeverAnswer) {
  Create("t5", {.context = 64, .kv_tokens = 96});
  EXPECT_EQ(Refusal({.prompt = {0}, .max_tokens = 1}), "the source has no tokens");
  Request request = Ask(3, 1);
  request.source[1] = kVocab;
  EXPECT_NE(Refusal(request).find("outside the vocabulary"), std::string::npos);
  EXPECT_NE(Refusal(Ask(33, 32)).find("the KV cache holds 96"), std::string::npos) << "two blocks each";
  EXPECT_EQ(Answer(Ask(33, 31)).tokens.size(), 31u);
  Create("mixtral", {.context = 64});
  EXPECT_NE(Refusal(Ask(3, 1)).find("no encoder"), std::string::npos);
}

TEST_F(EngineSourceTest, LongSourcesNeedNoLargerSteps) {
  Create("t5", {.context = 200, .max_batch_tokens = 16});
  EXPECT_EQ(Answer(Ask(200, 3)).tokens.size(), 3u);
}

TEST_F(EngineSourceTest, StatisticsCountSourcesAsPrompts) {
  Create("switch", {.context = 64});
  const size_t answered = Answer(Ask(20, 4)).tokens.size();
  const EngineStats stats = engine_->stats();
  EXPECT_EQ(stats.prompt_tokens, 21);
  EXPECT_EQ(stats.generated_tokens, static_cast<int64_t>(answered));
  const auto experts = engine_->expert_tokens();  // one MoE layer of the decoder, two of the encoder
  ASSERT_EQ(experts.size(), 3u);
  const auto sum = [](const std::vector<int64_t>& counts) {
    int64_t all = 0;
    for (int64_t n : counts) all += n;
    return all;
  };
  EXPECT_EQ(sum(experts[0]), static_cast<int64_t>(answered));
  EXPECT_EQ(sum(experts[1]), 20);
  EXPECT_EQ(sum(experts[2]), 20);
}

TEST_F(EngineSourceTest, CancelledSourcesLeaveRoom) {
  Create("t5", {.context = 64});  // room for one request
  for (int i = 0; i < 20; ++i) {
    const Recorder recorder;
    const auto id = engine_->Submit(Ask(64, 0), recorder.Listen());
    ASSERT_TRUE(id) << id.error().message;
    if (i % 2) recorder.WaitForTokens(1);
    engine_->Cancel(*id);
    recorder.Wait();
  }
  EXPECT_EQ(Answer(Ask(64, 0)).tokens.size(), 63u);
}

}  // namespace
}  // namespace sluice::engine
