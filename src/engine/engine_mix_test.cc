// Many requests at once in a cache that is too small for them: whoever is put back, shares pages or comes in
// whatever order gets the answer that the same request gets alone.
#include <gtest/gtest.h>

#include <random>

#include "engine/engine.h"
#include "engine/recorder.h"
#include "model/edited_checkpoint.h"

namespace sluice::engine {
namespace {

constexpr int kVocab = 160;  // of the models

struct Mix {
  const char* golden;
  int requests = 150;
  bool sources = false;  // an encoder-decoder model
  bool shares = true;    // pages are reused
  int context = 128;
  int original_context = 0;  // where not 0, longer requests take other angles
  int64_t kv_tokens = 256;   // two requests to their end
};

void PrintTo(const Mix& mix, std::ostream* out) { *out << mix.golden; }

class EngineMixTest : public ::testing::TestWithParam<Mix> {
 protected:
  std::unique_ptr<Engine> Open(const EngineOptions& options) {
    formats::Checkpoint checkpoint = model::OpenGolden(GetParam().golden);
    if (GetParam().original_context > 0)
      for (auto* config : {&checkpoint.config, &checkpoint.config["rope_scaling"]})
        (*config)["original_max_position_embeddings"] = GetParam().original_context;
    auto model = model::LoadModel(checkpoint, team_);
    EXPECT_TRUE(model) << model.error().message;
    auto engine = Engine::Create(std::move(*model), team_, options);
    EXPECT_TRUE(engine) << engine.error().message;
    return std::move(*engine);
  }
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint32_t>(n)); }
  std::vector<int32_t> Ids(int n) {
    std::vector<int32_t> ids(n);
    for (int32_t& id : ids) id = 3 + Below(kVocab - 3);
    return ids;
  }

  // Requests that begin alike, go on alike, ask for samples, log probabilities, long and short answers.
  std::vector<Request> MakeRequests(int n) {
    const std::vector<std::vector<int32_t>> beginnings = {Ids(70), Ids(40), Ids(33), {}};
    std::vector<Request> requests;
    for (int i = 0; i < n; ++i) {
      Request request;
      std::vector<int32_t> ids = beginnings[Below(4)];
      const std::vector<int32_t> rest = Ids(1 + Below(i % 5 == 0 ? 40 : 5));
      ids.insert(ids.end(), rest.begin(), rest.end());
      (GetParam().sources ? request.source : request.prompt) = std::move(ids);
      request.max_tokens = 1 + Below(i % 2 == 0 ? 40 : 8);
      request.sampling.temperature = i % 3 == 0 ? 1.0f : 0.0f;
      request.sampling.seed = static_cast<uint64_t>(i);
      request.sampling.repetition_penalty = i % 7 == 0 ? 1.2f : 1.0f;
      request.top_logprobs = i % 2 == 0 ? 2 : -1;
      if (i % 11 == 0 && !GetParam().sources) request.prompt_logprobs = 1;
      requests.push_back(std::move(request));
    }
    return requests;
  }

  static Recorded Answer(Engine& engine, const Request& request) {
    const Recorder recorder;
    const auto id = engine.Submit(request, recorder.Listen());
    EXPECT_TRUE(id) << id.error().message;
    return id ? recorder.Wait() : Recorded{};
  }

  static void ExpectSame(const std::vector<TokenOutput>& tokens, const std::vector<TokenOutput>& alone) {
    ASSERT_LE(tokens.size(), alone.size());
    for (size_t i = 0; i < tokens.size(); ++i) {
      EXPECT_EQ(tokens[i].id, alone[i].id) << "token " << i;
      EXPECT_EQ(tokens[i].logprob, alone[i].logprob) << "token " << i;  // to the last bit
      EXPECT_EQ(tokens[i].top, alone[i].top) << "token " << i;
    }
  }

  ThreadTeam team_{1, /*pin=*/false};
  std::mt19937 random_{20240607};
};

TEST_P(EngineMixTest, EveryAnswerIsThatOfTheRequestAlone) {
  const Mix& mix = GetParam();
  const std::vector<Request> requests = MakeRequests(24);
  std::vector<Recorded> alone;
  {
    const auto engine = Open({.context = mix.context, .share_prefixes = false});
    for (const Request& request : requests) alone.push_back(Answer(*engine, request));
    EXPECT_EQ(engine->stats().prefix_hits, 0);
  }
  const auto engine = Open({.context = mix.context,
                            .kv_tokens = mix.kv_tokens,
                            .max_batch_tokens = 48,
                            .max_running = 12,
                            .max_queue = 64});
  struct Asked {
    size_t request;
    Recorder recorder;
    bool cancelled;
  };
  std::vector<Asked> asked;
  size_t heard = 0;
  const auto hear = [&] {
    const Asked& next = asked[heard++];
    const Recorded answer = next.recorder.Wait();
    const Recorded& whole = alone[next.request];
    ExpectSame(answer.tokens, whole.tokens);
    ExpectSame(answer.prompt, whole.prompt);
    if (answer.finish == Finish::kCancelled && next.cancelled) return;
    EXPECT_EQ(answer.finish, whole.finish);
    EXPECT_EQ(answer.tokens.size(), whole.tokens.size());
    EXPECT_EQ(answer.prompt.size(), whole.prompt.size());
  };
  for (int i = 0; i < mix.requests && !HasFailure(); ++i) {
    if (asked.size() - heard == 64) hear();
    asked.push_back({static_cast<size_t>(Below(static_cast<int>(requests.size()))), {}, Below(8) == 0});
    Request request = requests[asked.back().request];
    request.priority = Below(3);
    const auto id = engine->Submit(std::move(request), asked.back().recorder.Listen());
    ASSERT_TRUE(id) << id.error().message;
    if (asked.back().cancelled) engine->Cancel(*id);
  }
  while (heard < asked.size()) hear();
  const EngineStats stats = engine->stats();
  EXPECT_GT(stats.preemptions, 0);
  EXPECT_EQ(stats.prefix_hits > 0, mix.shares) << stats.prefix_hits;
  EXPECT_LE(stats.prefix_hits, stats.prefix_queries);
  EXPECT_EQ(stats.running + stats.waiting, 0);
  EXPECT_EQ(stats.kv_blocks_used, 0) << "all blocks are given back";
  EXPECT_LE(stats.kv_blocks_idle, stats.kv_blocks);
}

INSTANTIATE_TEST_SUITE_P(
    Models, EngineMixTest,
    ::testing::Values(Mix{.golden = "mixtral", .requests = 2000},
                      Mix{.golden = "gpt_oss"},            // sliding windows and sinks
                      Mix{.golden = "deepseek_v32"},       // a compressed cache, and the indexer's keys
                      Mix{.golden = "gguf_mixtral_q8_0"},  // activations of 8 bits
                      // Angles that depend on the request's length.
                      Mix{.golden = "phimoe_longrope", .original_context = 80},
                      Mix{.golden = "qwen3_next"},   // states
                      Mix{.golden = "qwen3_5_moe"},  // states
                      Mix{.golden = "switch", .sources = true, .shares = false}),
    [](const auto& info) { return std::string(info.param.golden); });

}  // namespace
}  // namespace sluice::engine
