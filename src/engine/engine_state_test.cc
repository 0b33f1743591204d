// Models with linear attention reuse what was computed, from snapshots of their states: answers stay what
// they are without, and `cached` says what was not computed.
#include <gtest/gtest.h>

#include <future>

#include "engine/engine.h"
#include "engine/recorder.h"
#include "model/edited_checkpoint.h"

namespace sluice::engine {
namespace {

constexpr int kVocab = 160;  // of the models
constexpr int64_t kPage = kernels::kPageTokens;

class EngineStateTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Engine> Open(const EngineOptions& options) {
    auto model = model::LoadModel(model::OpenGolden(GetParam()), team_);
    EXPECT_TRUE(model) << model.error().message;
    auto engine = Engine::Create(std::move(*model), team_, options);
    EXPECT_TRUE(engine) << engine.error().message;
    return std::move(*engine);
  }
  static std::vector<int32_t> Prompt(int n, int first = 3) {
    std::vector<int32_t> prompt(static_cast<size_t>(n));
    for (int i = 0; i < n; ++i) prompt[i] = (first + 7 * i + i * i % 11) % kVocab;
    return prompt;
  }
  static Request Ask(std::vector<int32_t> prompt, int max_tokens) {
    return {.prompt = std::move(prompt),
            .max_tokens = max_tokens,
            .sampling = {.temperature = 0},
            .top_logprobs = 2};
  }
  static Recorded Answer(Engine& engine, const Request& request) {
    const Recorder recorder;
    const auto id = engine.Submit(request, recorder.Listen());
    EXPECT_TRUE(id) << id.error().message;
    return id ? recorder.Wait() : Recorded{};
  }
  // What the request gets where nothing is shared. No other engine may be at work: the team is the same.
  Recorded Alone(const Request& request) {
    if (!alone_) alone_ = Open({.context = kContext, .share_prefixes = false});
    const Recorded answer = Answer(*alone_, request);
    EXPECT_EQ(answer.cached, 0);
    return answer;
  }
  void ExpectSame(const Recorded& answer, const Request& request) {
    const Recorded alone = Alone(request);
    EXPECT_EQ(answer.ids(), alone.ids());
    ASSERT_EQ(answer.tokens.size(), alone.tokens.size());
    for (size_t i = 0; i < alone.tokens.size(); ++i)
      EXPECT_EQ(answer.tokens[i].top, alone.tokens[i].top) << "token " << i;  // to the last bit
  }

  static constexpr int kContext = 256;
  ThreadTeam team_{2, /*pin=*/false};
  std::unique_ptr<Engine> alone_;
};

TEST_P(EngineStateTest, APromptThatWasComputedCostsItsEnd) {
  const auto engine = Open({.context = kContext});
  const Request request = Ask(Prompt(100), 10);
  const Recorded first = Answer(*engine, request);
  const int64_t computed = engine->stats().prompt_tokens;
  const Recorded second = Answer(*engine, request);
  EXPECT_EQ(first.cached, 0);
  EXPECT_EQ(second.cached, 96);
  EXPECT_EQ(engine->stats().prompt_tokens - computed, 4);
  EXPECT_EQ(engine->stats().prefix_hits, 96);
  EXPECT_EQ(engine->stats().prefix_queries, 200);
  ExpectSame(first, request);
  ExpectSame(second, request);
  Request salted = request;
  salted.kv_salt = 1;
  EXPECT_EQ(Answer(*engine, salted).cached, 0) << "shared with nobody of another salt";
}

TEST_P(EngineStateTest, AConversationGoesOnFromItsAnswer) {
  const auto engine = Open({.context = kContext});
  std::vector<int32_t> text = Prompt(40);
  int64_t known = 0;
  for (int turn = 0; turn < 3; ++turn) {
    const Request request = Ask(text, 50);
    const Recorded answer = Answer(*engine, request);
    EXPECT_EQ(answer.cached, known) << "turn " << turn;
    ExpectSame(answer, request);
    for (const int32_t id : answer.ids()) text.push_back(id);
    known = (static_cast<int64_t>(text.size()) - 1) / kPage * kPage;  // the last token was never computed
    text.insert(text.end(), {5, 6, 7});
  }
}

TEST_P(EngineStateTest, WhatGaveWayIsComputedAgain) {
  const auto engine = Open({.context = kContext, .state_snapshots = 1});
  const Request one = Ask(Prompt(100), 1), other = Ask(Prompt(100, 90), 1);
  EXPECT_EQ(Answer(*engine, one).cached, 0);
  EXPECT_EQ(Answer(*engine, one).cached, 96);
  EXPECT_EQ(Answer(*engine, other).cached, 0);
  EXPECT_EQ(engine->stats().state_snapshots, 1);
  EXPECT_GT(engine->stats().state_snapshot_bytes, 0);
  const Recorded again = Answer(*engine, one);
  EXPECT_EQ(again.cached, 0) << "its pages are there, and no state";
  ExpectSame(again, one);
  EXPECT_EQ(Answer(*engine, one).cached, 96);
}

// The snapshots of pages that others took are gone with them.
TEST_P(EngineStateTest, PagesThatGiveWayTakeTheirSnapshotsAlong) {
  const auto engine = Open({.context = 128, .kv_tokens = 128, .state_snapshots = 64});
  EXPECT_EQ(Answer(*engine, Ask(Prompt(100), 1)).cached, 0);
  const int64_t kept = engine->stats().state_snapshots;
  EXPECT_GT(kept, 0);
  EXPECT_EQ(Answer(*engine, Ask(Prompt(120, 90), 8)).cached, 0);
  EXPECT_LE(engine->stats().state_snapshots, 128 / kPage);
  const Request request = Ask(Prompt(100), 10);
  const Recorded again = Answer(*engine, request);
  EXPECT_EQ(again.cached, 0);
  ExpectSame(again, request);
}

// While the engine's thread is held, so that they meet in one step.
TEST_P(EngineStateTest, OfSeveralAtOnceOneComputesWhatTheyShare) {
  const auto engine = Open({.context = kContext, .kv_tokens = 1024, .max_batch_tokens = 48});
  const Recorder first;
  std::promise<void> gate, held;
  const auto id = engine->Submit(Ask({9}, 1), [&, listen = first.Listen()](const Event& event) {
    held.set_value();
    gate.get_future().wait();
    listen(event);
  });
  ASSERT_TRUE(id);
  held.get_future().wait();
  std::vector<Request> requests;
  std::vector<Recorder> recorders(5);
  for (int32_t i = 0; i < 5; ++i) {
    std::vector<int32_t> text = Prompt(150);
    text.resize(i < 3 ? 150 : 104);  // two part from the others half way
    for (int32_t n = 0; n < 3; ++n) text.push_back(20 * i + n);
    requests.push_back(Ask(std::move(text), 6));
    ASSERT_TRUE(engine->Submit(requests.back(), recorders[i].Listen()));
  }
  gate.set_value();
  std::vector<Recorded> answers;
  std::vector<int64_t> cached;
  for (const Recorder& recorder : recorders) {
    answers.push_back(recorder.Wait());
    cached.push_back(answers.back().cached);
  }
  for (size_t i = 0; i < requests.size(); ++i) ExpectSame(answers[i], requests[i]);
  EXPECT_EQ(cached, (std::vector<int64_t>{0, 128, 128, 96, 96}));
}

TEST_P(EngineStateTest, SnapshotsCountAsMemory) {
  auto model = model::LoadModel(model::OpenGolden(GetParam()), team_);
  ASSERT_TRUE(model) << model.error().message;
  const auto engine =
      Engine::Create(std::move(*model), team_, {.context = kContext, .state_snapshots = 1'000'000'000});
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kOs) << engine.error().message;
}

INSTANTIATE_TEST_SUITE_P(Models, EngineStateTest, ::testing::Values("qwen3_next", "qwen3_5_moe"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace sluice::engine
