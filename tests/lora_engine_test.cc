// Adapters of requests that run together: each answer is the one that its request gets alone, prefixes are
// shared by requests of one adapter only, and an adapter lives as long as somebody uses it.
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "engine/engine.h"
#include "lora_fixture.h"
#include "model/lora.h"

namespace sluice {
namespace {

using AdapterPtr = std::shared_ptr<const model::Adapter>;

class LoraEngine : public ::testing::Test {
 protected:
  std::unique_ptr<engine::Engine> MakeEngine(bool adapters) {
    auto loaded = model::LoadModel(model::OpenGolden("mixtral"), team_);
    EXPECT_TRUE(loaded);
    auto made = engine::Engine::Create(
        std::move(*loaded), team_,
        {.context = 64, .kv_contexts = 16, .max_batch_tokens = 24, .adapters = adapters});
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
  }
  AdapterPtr Draw(const model::Model& model, int64_t rank) {
    const TemporaryDirectory directory;
    WriteLora(directory.path(), DrawForHuggingFace(model::OpenGolden("mixtral"), rank, nullptr, random_),
              LoraConfigJson(rank));
    auto adapter = model::LoadAdapter(model, directory.path());
    EXPECT_TRUE(adapter) << adapter.error().message;
    return *adapter;
  }

  struct Reply {
    std::vector<int32_t> ids;
    int64_t cached = 0;
    bool done = false;
  };
  // Starts a greedy answer; `reply` must live until Wait.
  void Ask(engine::Engine& engine, const std::vector<int32_t>& prompt, AdapterPtr adapter, Reply* reply) {
    engine::Request request{.prompt = prompt, .max_tokens = 12, .sampling = {.temperature = 0}};
    request.adapter = std::move(adapter);
    const auto id = engine.Submit(std::move(request), [this, reply](const engine::Event& event) {
      const std::lock_guard lock(mutex_);
      if (event.token) reply->ids.push_back(event.token->id);
      reply->cached += event.cached;
      reply->done = event.finish.has_value();
      changed_.notify_all();
    });
    ASSERT_TRUE(id) << id.error().message;
  }
  void Wait(const Reply& reply) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return reply.done; });
  }

  ThreadTeam team_{2, /*pin=*/false};
  std::mt19937 random_{17};
  std::mutex mutex_;
  std::condition_variable changed_;
};

TEST_F(LoraEngine, AnswersAreThoseOfTheAdapterAlone) {
  const auto engine = MakeEngine(true);
  const std::vector<AdapterPtr> adapters{nullptr, Draw(engine->model(), 2), Draw(engine->model(), 7),
                                         Draw(engine->model(), 16)};
  std::vector<int32_t> prompt;  // more than a page, so that prefixes are shared
  for (int i = 0; i < 40; ++i) prompt.push_back(static_cast<int32_t>(random_() % 160));
  std::vector<Reply> alone(adapters.size());
  for (size_t a = 0; a < adapters.size(); ++a) {
    Ask(*engine, prompt, adapters[a], &alone[a]);
    Wait(alone[a]);
    EXPECT_EQ(alone[a].cached, 0) << "pages of another adapter were used";
    for (size_t other = 0; other < a; ++other) EXPECT_NE(alone[a].ids, alone[other].ids);
  }
  std::vector<Reply> together(40);
  for (size_t i = 0; i < together.size(); ++i)
    Ask(*engine, prompt, adapters[i % adapters.size()], &together[i]);
  for (size_t i = 0; i < together.size(); ++i) {
    Wait(together[i]);
    EXPECT_EQ(together[i].ids, alone[i % adapters.size()].ids) << i;
    EXPECT_GT(together[i].cached, 0) << i;
  }
}

TEST_F(LoraEngine, AnAdapterEndsWithItsLastRequest) {
  const auto engine = MakeEngine(true);
  std::vector<int32_t> prompt(20, 3);
  for (int round = 0; round < 5; ++round) {
    AdapterPtr adapter = Draw(engine->model(), 4);
    const std::weak_ptr<const model::Adapter> watched = adapter;
    Reply with, without;
    Ask(*engine, prompt, std::exchange(adapter, nullptr), &with);
    Ask(*engine, prompt, nullptr, &without);
    Wait(with);
    Wait(without);
    // The engine's thread drops a request after its caller has heard of the end: one more step is behind it.
    Reply after;
    Ask(*engine, prompt, nullptr, &after);
    Wait(after);
    EXPECT_TRUE(watched.expired());
  }
}

TEST_F(LoraEngine, AdaptersOfOtherModelsAreRefused) {
  const auto engine = MakeEngine(true), other = MakeEngine(true), without = MakeEngine(false);
  const AdapterPtr foreign = Draw(other->model(), 4);
  for (engine::Engine* wrong : {engine.get(), without.get()}) {
    engine::Request request{.prompt = {1, 2, 3}};
    request.adapter = wrong == without.get() ? Draw(without->model(), 4) : foreign;
    const auto id = wrong->Submit(std::move(request), [](const engine::Event&) {});
    ASSERT_FALSE(id);
    EXPECT_EQ(id.error().code, ErrorCode::kUsage);
  }
}

}  // namespace
}  // namespace sluice
