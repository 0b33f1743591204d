// One engine's promises to its callers: every request ends once and in the right way, and leaves nothing
// behind. Callbacks run on the engine's thread, so a test that acts in one knows which step it acts in.
#include "engine/engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <future>
#include <limits>
#include <numeric>
#include <thread>

#include "base/arena.h"
#include "engine/recorder.h"
#include "model/edited_checkpoint.h"

namespace sluice::engine {
namespace {

constexpr int kVocab = 160, kMoeLayers = 2, kTopK = 2;  // of the model

class EngineTest : public ::testing::Test {
 protected:
  void Create(const EngineOptions& options,
              const formats::Checkpoint& checkpoint = model::OpenGolden("mixtral")) {
    auto engine = TryCreate(options, checkpoint);
    ASSERT_TRUE(engine) << engine.error().message;
    engine_ = std::move(*engine);
  }
  Result<std::unique_ptr<Engine>> TryCreate(
      const EngineOptions& options, const formats::Checkpoint& checkpoint = model::OpenGolden("mixtral")) {
    auto model = model::LoadModel(checkpoint, team_);
    EXPECT_TRUE(model) << model.error().message;
    return Engine::Create(std::move(*model), team_, options);
  }

  static Request Ask(std::vector<int32_t> prompt, int max_tokens) {
    return {.prompt = std::move(prompt), .max_tokens = max_tokens, .sampling = {.temperature = 0}};
  }
  static std::vector<int32_t> Prompt(int n, int first = 3) {
    std::vector<int32_t> prompt(n);
    for (int i = 0; i < n; ++i) prompt[i] = (first + 7 * i) % kVocab;
    return prompt;
  }
  Recorded Answer(const Request& request) {
    const Recorder recorder;
    const auto id = engine_->Submit(request, recorder.Listen());
    EXPECT_TRUE(id) << id.error().message;
    return id ? recorder.Wait() : Recorded{};
  }
  // Listens, and calls `act` with the number of tokens after each.
  static EventFn Then(const Recorder& recorder, std::function<void(int)> act) {
    return [listen = recorder.Listen(), act = std::move(act), n = 0](const Event& event) mutable {
      listen(event);
      act(n += event.token.has_value());
    };
  }
  // A request that needs the whole KV cache can only run if no block is lost.
  void ExpectNothingLeft() {
    const Recorded whole = Answer(Ask(Prompt(engine_->context() - 2), 0));
    EXPECT_EQ(whole.finish, Finish::kLength);
    EXPECT_EQ(whole.tokens.size(), 2u);
    EXPECT_EQ(engine_->stats().running, 0);
    EXPECT_EQ(engine_->stats().waiting, 0);
  }

  ThreadTeam team_{2, /*pin=*/false};
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, AnswersToTheLengthAsked) {
  Create({.context = 64});
  const Recorded answer = Answer(Ask(Prompt(5), 7));
  EXPECT_EQ(answer.finish, Finish::kLength);
  EXPECT_EQ(answer.tokens.size(), 7u);
  EXPECT_EQ(Answer(Ask(Prompt(5), 1)).ids(), std::vector<int32_t>{answer.ids()[0]});
}

TEST_F(EngineTest, StopTokensEndTheAnswerAndBelongToIt) {
  Create({.context = 64});
  const std::vector<int32_t> ids = Answer(Ask(Prompt(5), 12)).ids();
  Request request = Ask(Prompt(5), 12);
  request.stop_tokens = {kVocab + 5, ids[4], -1};
  const Recorded answer = Answer(request);
  EXPECT_EQ(answer.finish, Finish::kStop);
  const auto first = std::ranges::find(ids, ids[4]);
  EXPECT_EQ(answer.ids(), std::vector<int32_t>(ids.begin(), first + 1));
}

TEST_F(EngineTest, TheContextLimitsPromptAndAnswer) {
  Create({.context = 48});
  for (const int n : {48, 49, 1000}) {
    const auto refused = engine_->Submit(Ask(Prompt(n), 1), [](const Event&) { ADD_FAILURE(); });
    ASSERT_FALSE(refused) << n;
    EXPECT_EQ(refused.error().code, ErrorCode::kUsage);
    EXPECT_NE(refused.error().message.find(std::to_string(n)), std::string::npos) << refused.error().message;
    EXPECT_NE(refused.error().message.find("48"), std::string::npos) << refused.error().message;
  }
  for (const int asked : {0, 1, 2, std::numeric_limits<int>::max(), -3})
    EXPECT_EQ(Answer(Ask(Prompt(47), asked)).tokens.size(), 1u) << asked;
  EXPECT_EQ(Answer(Ask(Prompt(40), 0)).tokens.size(), 8u);
  EXPECT_EQ(Answer(Ask(Prompt(40), 100)).finish, Finish::kLength);
}

TEST_F(EngineTest, RefusesWhatItCanNeverAnswer) {
  Create({.context = 200, .kv_tokens = 64});
  const auto code = [&](const Request& request) {
    const auto id = engine_->Submit(request, [](const Event&) { ADD_FAILURE(); });
    return id ? std::optional<ErrorCode>() : id.error().code;
  };
  EXPECT_EQ(code(Ask({}, 1)), ErrorCode::kUsage);
  EXPECT_EQ(code(Ask({1, -1}, 1)), ErrorCode::kUsage);
  EXPECT_EQ(code(Ask({1, kVocab}, 1)), ErrorCode::kUsage);
  EXPECT_EQ(code(Ask({std::numeric_limits<int32_t>::max()}, 1)), ErrorCode::kUsage);
  EXPECT_EQ(code(Ask(Prompt(60), 5)), ErrorCode::kUsage) << "fits the context and never the cache";
  EXPECT_EQ(Answer(Ask(Prompt(60), 4)).tokens.size(), 4u);
}

TEST_F(EngineTest, OptionsThatMakeNoSenseAreErrors) {
  const int most = std::numeric_limits<int>::max();
  const auto code = [&](const EngineOptions& options) {
    const auto engine = TryCreate(options);
    return engine ? std::optional<ErrorCode>() : engine.error().code;
  };
  EXPECT_EQ(code({.context = 257}), ErrorCode::kUsage);
  EXPECT_EQ(code({.max_batch_tokens = 0}), ErrorCode::kUsage);
  EXPECT_EQ(code({.max_batch_tokens = -1}), ErrorCode::kUsage);
  EXPECT_EQ(code({.max_queue = 0}), ErrorCode::kUsage);
  EXPECT_EQ(code({.max_batch_tokens = most}), ErrorCode::kOs);
  EXPECT_EQ(code({.kv_tokens = int64_t{1} << 34}), ErrorCode::kOs);
  EXPECT_EQ(code({.kv_tokens = std::numeric_limits<int64_t>::max()}), ErrorCode::kUsage);
  EXPECT_EQ(code({}), std::nullopt);
}

// A file may claim any context: memory is the limit, and it is asked for before it is touched.
TEST_F(EngineTest, AnAbsurdContextOfTheFileIsNoHarm) {
  formats::Checkpoint checkpoint = model::OpenGolden("mixtral");
  checkpoint.config["max_position_embeddings"] = 1 << 28;
  Create({}, checkpoint);
  EXPECT_EQ(engine_->context(), 4096);
  const auto all = TryCreate({.context = 1 << 28}, checkpoint);
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code, ErrorCode::kOs);
  EXPECT_NE(all.error().hint.find("--ctx"), std::string::npos);
}

TEST_F(EngineTest, CancelInDecodeEndsAtTheNextStep) {
  Create({.context = 64});
  const Recorder recorder;
  std::promise<RequestId> promise;
  auto id = promise.get_future().share();
  const auto submitted = engine_->Submit(Ask(Prompt(5), 40), Then(recorder, [&](int tokens) {
                                           if (tokens == 3) engine_->Cancel(id.get());
                                         }));
  ASSERT_TRUE(submitted);
  promise.set_value(*submitted);
  const Recorded answer = recorder.Wait();
  EXPECT_EQ(answer.finish, Finish::kCancelled);
  EXPECT_EQ(answer.tokens.size(), 3u);
  ExpectNothingLeft();
}

TEST_F(EngineTest, CancelInPrefillAndWhileWaiting) {
  Create({.context = 64, .kv_tokens = 96, .max_batch_tokens = 2});
  const std::vector<int32_t> alone = Answer(Ask(Prompt(5), 20)).ids();
  const Recorder decoding, prefilling, waiting;
  std::vector<RequestId> ids;
  std::promise<void> submitted;
  auto all_submitted = submitted.get_future().share();
  const auto first = engine_->Submit(Ask(Prompt(5), 20), Then(decoding, [&](int tokens) {
                                       if (tokens == 1) all_submitted.wait();
                                       if (tokens != 8) return;
                                       EXPECT_EQ(engine_->stats().running, 2);
                                       EXPECT_EQ(engine_->stats().waiting, 1);
                                       for (RequestId id : ids) engine_->Cancel(id);
                                     }));
  ASSERT_TRUE(first);
  // One prompt token a step beside the answer: at the eighth it is on its way. The third finds no blocks.
  for (const Recorder& recorder : {prefilling, waiting}) {
    const auto id = engine_->Submit(Ask(Prompt(50), 10), recorder.Listen());
    ASSERT_TRUE(id);
    ids.push_back(*id);
  }
  submitted.set_value();
  for (const Recorder& recorder : {prefilling, waiting}) {
    const Recorded answer = recorder.Wait();
    EXPECT_EQ(answer.finish, Finish::kCancelled);
    EXPECT_TRUE(answer.tokens.empty());
  }
  EXPECT_EQ(decoding.Wait().ids(), alone);
  ExpectNothingLeft();
}

TEST_F(EngineTest, CancellingTheUnknownOrFinishedDoesNothing) {
  Create({.context = 64});
  engine_->Cancel(12345);
  const Recorder recorder;
  const auto id = engine_->Submit(Ask(Prompt(5), 2), recorder.Listen());
  ASSERT_TRUE(id);
  EXPECT_EQ(recorder.Wait().finish, Finish::kLength);
  engine_->Cancel(*id);
  engine_->Cancel(*id);
  ExpectNothingLeft();
}

TEST_F(EngineTest, MoreThanTheCacheHoldsWaitsAndFinishes) {
  Create({.context = 64, .kv_tokens = 64});
  std::vector<Recorder> recorders(12);
  for (size_t i = 0; i < recorders.size(); ++i)
    ASSERT_TRUE(engine_->Submit(Ask(Prompt(3 + 4 * static_cast<int>(i)), 10), recorders[i].Listen()));
  for (const Recorder& recorder : recorders) EXPECT_EQ(recorder.Wait().tokens.size(), 10u);
  ExpectNothingLeft();
}

TEST_F(EngineTest, AFullQueueRefusesUntilARequestEnds) {
  Create({.context = 64, .max_queue = 3});
  std::promise<void> gate;
  auto open = gate.get_future().share();
  const Recorder first, second, third;
  ASSERT_TRUE(engine_->Submit(Ask(Prompt(5), 2), Then(first, [open](int) { open.wait(); })));
  ASSERT_TRUE(engine_->Submit(Ask(Prompt(5), 2), second.Listen()));
  ASSERT_TRUE(engine_->Submit(Ask(Prompt(5), 2), third.Listen()));
  const auto refused = engine_->Submit(Ask(Prompt(5), 2), [](const Event&) { ADD_FAILURE(); });
  gate.set_value();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kTryLater);
  for (const Recorder& recorder : {first, second, third}) EXPECT_EQ(recorder.Wait().finish, Finish::kLength);
  ExpectNothingLeft();
}

// Who hears the end of an answer may ask again at once.
TEST_F(EngineTest, ThePlaceInTheQueueIsFreeBeforeTheEndIsTold) {
  Create({.context = 64, .max_queue = 1});
  for (int i = 0; i < 100; ++i) ASSERT_EQ(Answer(Ask(Prompt(2), 1)).tokens.size(), 1u);
  // Also from the callback itself.
  const Recorder last;
  std::atomic<int> left = 20;
  std::function<void(const Event&)> again = [&](const Event& event) {
    if (!event.finish) return;
    const auto id = engine_->Submit(Ask(Prompt(2), 1), --left > 0 ? again : last.Listen());
    EXPECT_TRUE(id);
  };
  ASSERT_TRUE(engine_->Submit(Ask(Prompt(2), 1), again));
  EXPECT_EQ(last.Wait().finish, Finish::kLength);
}

TEST_F(EngineTest, ARequestOutOfTimeEndsWithWhatItHas) {
  Create({.context = 256});
  Request request = Ask(Prompt(5), 200);
  request.seconds = 0.1;
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(101);
  const Recorder recorder;
  ASSERT_TRUE(engine_->Submit(request, Then(recorder, [&](int tokens) {
                                if (tokens == 3) std::this_thread::sleep_until(end);
                              })));
  const Recorded answer = recorder.Wait();
  EXPECT_EQ(answer.finish, Finish::kTimeout);
  EXPECT_LE(answer.tokens.size(), 3u);
  EXPECT_NE(answer.error.message.find("the 0.1 s that the request allows passed after"), std::string::npos)
      << answer.error.message;
  request.seconds = 1000;
  EXPECT_EQ(Answer(request).tokens.size(), 200u);
  ExpectNothingLeft();
}

TEST_F(EngineTest, WhoFindsNoRoomInTimeIsTold) {
  Create({.context = 64, .max_running = 1, .queue_seconds = 1e-9});
  std::promise<void> gate;
  auto open = gate.get_future().share();
  const Recorder first, second;
  ASSERT_TRUE(engine_->Submit(Ask(Prompt(5), 9), Then(first, [open](int) { open.wait(); })));
  ASSERT_TRUE(engine_->Submit(Ask(Prompt(5), 9), second.Listen()));
  gate.set_value();
  const Recorded refused = second.Wait();
  EXPECT_EQ(refused.finish, Finish::kError);
  EXPECT_EQ(refused.error.code, ErrorCode::kTryLater);
  EXPECT_EQ(first.Wait().tokens.size(), 9u);
  ExpectNothingLeft();
}

// Streams beyond those computed at once wait their turn: none is overtaken by all that came behind it.
TEST_F(EngineTest, NobodyStarvesAmongFiveHundredStreams) {
  constexpr int kStreams = 500, kAtOnce = 64;
  Create({.context = 64, .kv_tokens = 64 * kAtOnce, .max_running = kAtOnce, .max_queue = kStreams});
  std::promise<void> gate;
  auto all_submitted = gate.get_future().share();
  std::vector<Recorder> recorders(kStreams);
  std::vector<int> order;  // in which they ended; written on the engine's thread
  for (int i = 0; i < kStreams; ++i) {
    const auto submitted =
        engine_->Submit(Ask(Prompt(1 + i % 9, i), 6),
                        [&order, i, all_submitted, listen = recorders[i].Listen()](const Event& event) {
                          if (i == 0) all_submitted.wait();
                          if (event.finish) order.push_back(i);
                          listen(event);
                        });
    ASSERT_TRUE(submitted) << submitted.error().message;
  }
  gate.set_value();
  for (const Recorder& recorder : recorders) EXPECT_EQ(recorder.Wait().tokens.size(), 6u);
  ASSERT_EQ(order.size(), static_cast<size_t>(kStreams));
  for (int place = 0; place < kStreams; ++place) EXPECT_LE(order[place], place + kAtOnce) << place;
  EXPECT_LE(engine_->stats().steps, 6 * (kStreams / kAtOnce + 2) + 10) << "no step is left half empty";
}

// A prompt that was computed before costs its last token alone, and gives the same answer.
TEST_F(EngineTest, KnownPrefixesAreNotComputedAgain) {
  Create({.context = 128});
  const Recorded first = Answer(Ask(Prompt(100), 10)), second = Answer(Ask(Prompt(100), 10));
  EXPECT_EQ(first.cached, 0);
  EXPECT_EQ(second.cached, 96);
  EXPECT_EQ(second.ids(), first.ids());
  // Also what was answered: the next turn of a conversation.
  std::vector<int32_t> next = Prompt(100);
  const std::vector<int32_t> said = Answer(Ask(Prompt(100), 28)).ids();
  next.insert(next.end(), said.begin(), said.end() - 1);
  next.resize(127, 5);
  EXPECT_EQ(Answer(Ask(next, 1)).cached, 96);
  EXPECT_EQ(engine_->stats().prefix_hits, 3 * 96);
  Request salted = Ask(Prompt(100), 10);
  salted.kv_salt = 1;
  EXPECT_EQ(Answer(salted).cached, 0);
  Create({.context = 128, .share_prefixes = false});
  EXPECT_EQ(Answer(Ask(Prompt(100), 10)).ids(), first.ids());
  EXPECT_EQ(Answer(Ask(Prompt(100), 10)).cached, 0);
}

TEST_F(EngineTest, DestructionEndsEveryRequest) {
  for (const int tokens : {0, 1, 5}) {
    Create({.context = 256, .kv_tokens = 512, .max_batch_tokens = 16});
    std::vector<Recorder> recorders(6);  // running and waiting
    for (const Recorder& recorder : recorders)
      ASSERT_TRUE(engine_->Submit(Ask(Prompt(8), 0), recorder.Listen()));
    recorders[0].WaitForTokens(static_cast<size_t>(tokens));
    engine_.reset();
    for (const Recorder& recorder : recorders) {
      const Recorded answer = recorder.WaitForTokens(0);
      EXPECT_TRUE(answer.finish == Finish::kCancelled || answer.tokens.size() == 248)
          << "ended before the engine did";
    }
  }
}

TEST_F(EngineTest, ManyThreadsSubmitAndCancel) {
  Create({.context = 64, .kv_tokens = 256, .max_batch_tokens = 24});
  constexpr int kThreads = 6, kEach = 12;
  std::vector<std::vector<int32_t>> alone;
  for (int i = 0; i < kEach; ++i) alone.push_back(Answer(Ask(Prompt(4 + i), 10)).ids());
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const Recorder recorder;
        const auto id = engine_->Submit(Ask(Prompt(4 + i), 10), recorder.Listen());
        ASSERT_TRUE(id) << id.error().message;
        if ((i + t) % 3 == 0) engine_->Cancel(*id);
        EXPECT_GE(engine_->stats().running + engine_->stats().waiting, 0);
        EXPECT_EQ(engine_->expert_tokens().size(), static_cast<size_t>(kMoeLayers));
        const Recorded answer = recorder.Wait();
        const std::vector<int32_t> ids = answer.ids();
        ASSERT_LE(ids.size(), alone[i].size());
        EXPECT_TRUE(std::equal(ids.begin(), ids.end(), alone[i].begin()));
        if ((i + t) % 3 != 0) {
          EXPECT_EQ(answer.finish, Finish::kLength);
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  ExpectNothingLeft();
}

TEST_F(EngineTest, StatisticsCountEveryToken) {
  Create({.context = 64, .max_batch_tokens = 8});
  std::vector<Recorder> recorders(5);
  int64_t prompt = 0, answered = 0;
  for (size_t i = 0; i < recorders.size(); ++i) {
    const int n = 1 + 5 * static_cast<int>(i);
    ASSERT_TRUE(engine_->Submit(Ask(Prompt(n), 6), recorders[i].Listen()));
    prompt += n;
  }
  for (const Recorder& recorder : recorders) answered += static_cast<int64_t>(recorder.Wait().tokens.size());
  const EngineStats stats = engine_->stats();
  EXPECT_EQ(stats.prompt_tokens, prompt);
  EXPECT_EQ(stats.generated_tokens, answered);
  EXPECT_GT(stats.prefill.seconds, 0);
  EXPECT_GT(stats.decode.seconds, 0);
  // The last token of an answer is never computed on.
  const int64_t computed = prompt + answered - static_cast<int64_t>(recorders.size());
  for (const std::vector<int64_t>& layer : engine_->expert_tokens())
    EXPECT_EQ(std::accumulate(layer.begin(), layer.end(), int64_t{0}), computed * kTopK);
}

// Bytes of an F32 matrix in panels of sixteen rows.
int64_t MatrixBytes(int64_t rows, int64_t cols) { return RoundUp(rows, 16) * cols * 4; }

// By hand, of a model whose weights are F32; so are keys and values.
TEST_F(EngineTest, StatisticsCountWhatIsRead) {
  constexpr int64_t kLayers = 2, kDim = 48, kHeadsWidth = 48, kKvWidth = 24, kExperts = 8, kHidden = 24;
  constexpr int64_t kRow = kDim * 4;  // of the embedding
  const int64_t attention = 2 * MatrixBytes(kHeadsWidth, kDim) + 2 * MatrixBytes(kKvWidth, kDim);
  const int64_t expert = 2 * MatrixBytes(kHidden, kDim) + MatrixBytes(kDim, kHidden);
  const int64_t dense = kLayers * (attention + MatrixBytes(kExperts, kDim)) + MatrixBytes(kVocab, kDim);
  constexpr int64_t kPosition = kLayers * 2 * kKvWidth * 4;
  Create({.context = 64});
  ASSERT_EQ(Answer(Ask(Prompt(5), 3)).tokens.size(), 3u);
  const EngineStats stats = engine_->stats();
  // Two tokens are computed one by one, behind 5 and 6 others.
  EXPECT_EQ(stats.decode.tokens, 2);
  EXPECT_EQ(stats.decode.weight_bytes, 2 * (dense + kRow + kLayers * kTopK * expert));
  EXPECT_EQ(stats.decode.kv_bytes, kPosition * (6 + 7));
  // A step reads an expert once, however many of its tokens chose it.
  const int64_t touched = stats.experts_touched - 2 * kLayers * kTopK;
  EXPECT_EQ(stats.prefill.tokens, 5);
  EXPECT_EQ(stats.prefill.weight_bytes, dense + 5 * kRow + touched * expert);
  EXPECT_EQ(stats.prefill.kv_bytes, kPosition * 5);
}

// A head of 12 elements in 8 bits takes these and one scale.
TEST_F(EngineTest, KeysAndValuesAreKeptAsAsked) {
  constexpr int64_t kHeads = 2 * 2 * 2;  // layers, keys and values, heads
  const auto read = [&](kernels::KvType type) {
    Create({.context = 64, .kv = type});
    EXPECT_EQ(Answer(Ask(Prompt(5), 2)).tokens.size(), 2u);
    return engine_->stats().decode.kv_bytes;
  };
  EXPECT_EQ(read(kernels::KvType::kF32), kHeads * 6 * 12 * 4);
  EXPECT_EQ(read(kernels::KvType::kF16), kHeads * 6 * 12 * 2);
  EXPECT_EQ(read(kernels::KvType::kBf16), kHeads * 6 * 12 * 2);
  EXPECT_EQ(read(kernels::KvType::kQ8), kHeads * 6 * (12 + 4));
}

TEST_F(EngineTest, SeedsDecideSampledAnswers) {
  Create({.context = 64});
  Request request = Ask(Prompt(5), 20);
  request.sampling = {.temperature = 1.5f, .seed = 42};
  const std::vector<int32_t> ids = Answer(request).ids();
  EXPECT_EQ(Answer(request).ids(), ids);
  request.sampling.seed = 43;
  EXPECT_NE(Answer(request).ids(), ids);
}

TEST_F(EngineTest, LogprobsSumToOneAndNameTheChosen) {
  Create({.context = 64});
  Request request = Ask(Prompt(5), 4);
  EXPECT_TRUE(Answer(request).tokens[0].top.empty());
  request.top_logprobs = kVocab;
  for (const TokenOutput& token : Answer(request).tokens) {
    ASSERT_EQ(token.top.size(), static_cast<size_t>(kVocab));
    EXPECT_EQ(token.top[0].first, token.id);
    EXPECT_EQ(token.top[0].second, token.logprob);
    double sum = 0;
    for (const auto& [id, logprob] : token.top) sum += std::exp(static_cast<double>(logprob));
    EXPECT_NEAR(sum, 1, 1e-5);
  }
}

TEST_F(EngineTest, AnAnswerWithEveryTokenBannedStopsAtOnce) {
  Create({.context = 64});
  Request request = Ask(Prompt(5), 4);
  for (int32_t id = 0; id < kVocab; ++id)
    request.sampling.logit_bias.emplace_back(id, -std::numeric_limits<float>::infinity());
  const Recorded answer = Answer(request);
  EXPECT_EQ(answer.finish, Finish::kStop);
  EXPECT_TRUE(answer.tokens.empty());
  ExpectNothingLeft();
}

void ExpectNumericalError(const Recorded& answer) {
  EXPECT_EQ(answer.finish, Finish::kError);
  EXPECT_TRUE(answer.tokens.empty());
  EXPECT_TRUE(answer.error.message.starts_with("numerical error")) << answer.error.message;
}

TEST_F(EngineTest, LogitsThatAreNotFiniteEndTheAnswer) {
  for (const float odd : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const char* tensor :
         {"model.norm.weight", "lm_head.weight", "model.layers.0.self_attn.v_proj.weight",
          "model.layers.0.block_sparse_moe.experts.0.w1.weight"}) {
      formats::Checkpoint checkpoint = model::OpenGolden("mixtral");
      model::SetElement(checkpoint, tensor, 7, odd);
      Create({.context = 64}, checkpoint);
      // Some token of so long a prompt chooses the expert, and every later one attends to that.
      ExpectNumericalError(Answer(Ask(Prompt(60), 4)));
    }
  }
}

TEST_F(EngineTest, AnErrorHarmsNeitherNeighboursNorSuccessors) {
  Create({.context = 64});
  const std::vector<int32_t> alone = Answer(Ask(Prompt(20), 20)).ids();
  formats::Checkpoint checkpoint = model::OpenGolden("mixtral");
  constexpr int32_t kPoison = 2;  // in no prompt of ours
  model::SetElement(checkpoint, "model.embed_tokens.weight", kPoison * 48 + 5,
                    std::numeric_limits<float>::quiet_NaN());
  Create({.context = 64}, checkpoint);
  for (int i = 0; i < 3; ++i) {
    const Recorder good, bad;
    ASSERT_TRUE(engine_->Submit(Ask(Prompt(20), 20), good.Listen()));
    ASSERT_TRUE(engine_->Submit(Ask({5, kPoison, 9}, 20), bad.Listen()));
    ExpectNumericalError(bad.Wait());
    EXPECT_EQ(good.Wait().ids(), alone);
  }
  ExpectNothingLeft();
}

// Whatever is asked about the prompt, every number is the one that the model gives after that prefix alone.
TEST_F(EngineTest, PromptLogprobsAreThoseOfEachPrefix) {
  Create({.context = 64, .max_batch_tokens = 7});
  Request request = Ask(Prompt(20), 3);
  const Recorded plain = Answer(request);
  EXPECT_TRUE(plain.prompt.empty());
  request.prompt_logprobs = 2;
  request.top_logprobs = 2;
  const Recorded asked = Answer(request);
  EXPECT_EQ(asked.ids(), plain.ids());
  ASSERT_EQ(asked.prompt.size(), 19u);
  for (int n = 1; n < 20; ++n) {
    Request prefix = Ask({request.prompt.begin(), request.prompt.begin() + n}, 1);
    prefix.top_logprobs = 2;
    const Recorded next = Answer(prefix);
    const TokenOutput& described = asked.prompt[static_cast<size_t>(n - 1)];
    EXPECT_EQ(described.id, request.prompt[static_cast<size_t>(n)]);
    EXPECT_EQ(described.top, next.tokens[0].top) << "after " << n << " tokens";
    EXPECT_LE(described.logprob, described.top[0].second);
  }
}

}  // namespace
}  // namespace sluice::engine
