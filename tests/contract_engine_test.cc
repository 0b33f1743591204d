// The numeric contract through the engine: an answer is the same alone and among many, greedy or sampled.
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "engine/recorder.h"
#include "model/edited_checkpoint.h"

namespace sluice {
namespace {

using engine::Recorded;
using engine::Recorder;
using engine::Request;

const std::string kTinyMixtral = SLUICE_SOURCE_DIR "/models/tiny-mixtral.gguf";

std::unique_ptr<model::Model> Load(const std::string& name, ThreadTeam& team) {
  const auto checkpoint = formats::OpenCheckpoint(name.ends_with(".gguf") ? name : model::GoldenPath(name));
  EXPECT_TRUE(checkpoint) << checkpoint.error().message;
  auto model = model::LoadModel(*checkpoint, team);
  EXPECT_TRUE(model) << model.error().message;
  return std::move(*model);
}

std::vector<Request> DrawRequests(int n, const model::Desc& desc, std::mt19937& random) {
  const int vocab = desc.vocab;
  std::vector<Request> requests;
  for (int i = 0; i < n; ++i) {
    const auto draw = [&](int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(random); };
    Request request{.max_tokens = draw(1, 16), .top_logprobs = draw(-1, 3)};
    auto& text = desc.encoder ? request.source : request.prompt;
    for (int t = draw(1, 60); t > 0; --t) text.push_back(draw(0, vocab - 1));
    engine::SamplingParams& s = request.sampling;
    s.temperature = i % 3 == 0 ? 0.0f : 0.5f + 0.25f * static_cast<float>(draw(0, 4));
    s.seed = random();
    if (draw(0, 1)) s.top_k = draw(1, 40);
    if (draw(0, 1)) s.top_p = 0.9f;
    if (draw(0, 2) == 0) s.repetition_penalty = 1.2f;
    if (draw(0, 2) == 0) s.frequency_penalty = 0.5f;
    if (draw(0, 2) == 0) s.logit_bias = {{draw(0, vocab - 1), 3.0f}};
    requests.push_back(std::move(request));
  }
  return requests;
}

void ExpectSame(const Recorded& alone, const Recorded& among) {
  EXPECT_EQ(alone.finish, among.finish);
  ASSERT_EQ(alone.ids(), among.ids());
  for (size_t i = 0; i < alone.tokens.size(); ++i) {
    EXPECT_EQ(alone.tokens[i].logprob, among.tokens[i].logprob);
    EXPECT_EQ(alone.tokens[i].top, among.tokens[i].top);
  }
}

class EngineContract : public ::testing::TestWithParam<std::string> {};

TEST_P(EngineContract, AnswersDoNotDependOnCompany) {
  if (GetParam() == kTinyMixtral && !std::filesystem::exists(kTinyMixtral))
    GTEST_SKIP() << kTinyMixtral << " is not there";
  std::mt19937 random(3);
  std::vector<Recorded> alone;
  std::vector<Request> requests;
  {
    ThreadTeam team(1);
    const auto engine =
        engine::Engine::Create(Load(GetParam(), team), team, {.context = 96, .max_batch_tokens = 7});
    ASSERT_TRUE(engine) << engine.error().message;
    requests = DrawRequests(GetParam() == kTinyMixtral ? 6 : 12, (*engine)->model().desc, random);
    for (const Request& request : requests) {
      const Recorder recorder;
      ASSERT_TRUE((*engine)->Submit(request, recorder.Listen()));
      alone.push_back(recorder.Wait());
    }
  }
  kernels::Isa best = kernels::Isa::kScalar;
  for (const auto isa : kernels::kAllIsas)
    if (kernels::Supported(isa)) best = isa;
  const std::vector<int> batches = GetParam() == kTinyMixtral ? std::vector{64} : std::vector{5, 64};
  for (const int batch : batches) {
    ThreadTeam team(2, /*pin=*/false);
    // Room for some of them at a time: the others wait.
    const auto engine =
        engine::Engine::Create(Load(GetParam(), team), team,
                               {.isa = best, .context = 96, .kv_tokens = 96 * 5, .max_batch_tokens = batch});
    ASSERT_TRUE(engine) << engine.error().message;
    std::vector<Recorder> recorders(requests.size());
    for (size_t i = 0; i < requests.size(); ++i)
      ASSERT_TRUE((*engine)->Submit(requests[i], recorders[i].Listen()));
    for (size_t i = 0; i < requests.size(); ++i) {
      SCOPED_TRACE(testing::Message() << "request " << i << ", steps of " << batch);
      ExpectSame(alone[i], recorders[i].Wait());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, EngineContract,
                         ::testing::Values("mixtral", "mistral", "deepseek_v3", "gguf_mixtral_q4km",
                                           "gguf_qwen2moe_q5km", "qwen3_next", "switch", "t5_v11",
                                           kTinyMixtral),
                         [](const auto& info) {
                           return info.param == kTinyMixtral ? std::string("tiny_mixtral") : info.param;
                         });

}  // namespace
}  // namespace sluice
