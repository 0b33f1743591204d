#include "engine/scheduler.h"

#include <gtest/gtest.h>

namespace sluice::engine {
namespace {

class SchedulerTest : public ::testing::Test {
 protected:
  explicit SchedulerTest(int64_t blocks = 8) {
    auto pool = kv::Pool::Create({{1, 8, 8}}, kernels::KvType::kF16, blocks);
    EXPECT_TRUE(pool);
    pool_ = std::move(*pool);
  }

  std::unique_ptr<Sequence> Make(RequestId id, int prompt, int max_tokens) {
    Request request{.prompt = std::vector<int32_t>(prompt, 1), .max_tokens = max_tokens};
    Sampler sampler({}, request.prompt);
    auto tokens = request.prompt;
    return std::make_unique<Sequence>(
        Sequence{id, std::move(request), {}, std::move(sampler), std::move(tokens), {}, false});
  }

  // What a step looks like: (request, tokens, whether its last token's logits are wanted).
  struct Part {
    RequestId id;
    int64_t count;
    bool last;
    bool operator==(const Part&) const = default;
  };
  // Schedules, and pretends to have computed it.
  static std::vector<Part> Step(Scheduler& scheduler) {
    std::vector<Part> parts;
    for (const Chunk& chunk : scheduler.Schedule()) {
      Sequence& s = *chunk.sequence;
      parts.push_back({s.id, chunk.count, chunk.last()});
      s.pages.length += chunk.count;
      if (parts.back().last) s.tokens.push_back(2);
    }
    return parts;
  }

  kv::Pool pool_;
};

TEST_F(SchedulerTest, CutsPromptsToTheStepAndLetsAnswersGoFirst) {
  Scheduler scheduler(&pool_, {.max_batch_tokens = 10});
  scheduler.Add(Make(1, 4, 5));
  EXPECT_EQ(Step(scheduler), (std::vector<Part>{{1, 4, true}}));
  scheduler.Add(Make(2, 20, 5));
  scheduler.Add(Make(3, 3, 5));
  scheduler.Add(Make(4, 4, 5));
  // Most for the first prompt, a quarter for the shortest of the others.
  EXPECT_EQ(Step(scheduler), (std::vector<Part>{{1, 1, true}, {2, 7, false}, {3, 2, false}}));
  EXPECT_EQ(Step(scheduler), (std::vector<Part>{{1, 1, true}, {3, 1, true}, {2, 6, false}, {4, 2, false}}));
  EXPECT_EQ(Step(scheduler), (std::vector<Part>{{1, 1, true}, {3, 1, true}, {2, 6, false}, {4, 2, true}}));
  EXPECT_EQ(Step(scheduler), (std::vector<Part>{{1, 1, true}, {2, 1, true}, {3, 1, true}, {4, 1, true}}));
}

TEST_F(SchedulerTest, ReadsWholeSourcesFirst) {
  Scheduler scheduler(&pool_, {.max_batch_tokens = 10});  // 8 blocks
  for (const auto& [id, source] : {std::pair{1, 6}, {2, 5}, {3, 1}}) {
    auto sequence = Make(id, 1, 5);
    sequence->request.source.assign(source, 1);
    scheduler.Add(std::move(sequence));
  }
  const auto read = [&] {
    std::vector<RequestId> ids;
    for (Sequence* s : scheduler.ScheduleSources()) {
      ids.push_back(s->id);
      s->source.length = s->source.longest;
    }
    return ids;
  };
  EXPECT_EQ(Step(scheduler), std::vector<Part>{});
  EXPECT_EQ(pool_.free_blocks(), 2);  // a block for each source and each answer
  EXPECT_EQ(read(), std::vector<RequestId>{1});
  EXPECT_EQ(Step(scheduler), (std::vector<Part>{{1, 1, true}}));
  EXPECT_EQ(read(), (std::vector<RequestId>{2, 3}));
  EXPECT_EQ(read(), std::vector<RequestId>{});
  EXPECT_EQ(Step(scheduler), (std::vector<Part>{{1, 1, true}, {2, 1, true}, {3, 1, true}}));
  scheduler.Remove([](const Sequence&) { return true; });
  EXPECT_EQ(pool_.free_blocks(), 8);
}

TEST_F(SchedulerTest, WaitsForRoomForSourceAndAnswer) {
  Scheduler scheduler(&pool_, {.max_batch_tokens = 512});
  for (const RequestId id : {1, 2}) {
    auto sequence = Make(id, 1, 40);         // 2 blocks
    sequence->request.source.assign(90, 1);  // 3 blocks
    scheduler.Add(std::move(sequence));
  }
  EXPECT_EQ(scheduler.ScheduleSources().size(), 1u);
  EXPECT_EQ(pool_.free_blocks(), 4);  // none taken for a source whose answer has no room
  EXPECT_EQ(scheduler.waiting(), 1);
}

TEST_F(SchedulerTest, NeverExceedsTheStep) {
  Scheduler scheduler(&pool_, {.max_batch_tokens = 3});
  for (RequestId id = 1; id <= 6; ++id) scheduler.Add(Make(id, static_cast<int>(id), 4));
  for (int i = 0; i < 30; ++i) {
    int64_t tokens = 0;
    for (const Part& part : Step(scheduler)) tokens += part.count;
    EXPECT_GT(tokens, 0);
    EXPECT_LE(tokens, 3);
    EXPECT_LE(scheduler.running(), 3);
    scheduler.Remove([](const Sequence& s) { return s.answered() >= s.request.max_tokens; });
    if (scheduler.running() + scheduler.waiting() == 0) return;
  }
  FAIL() << "six requests of at most ten tokens are not done after thirty steps";
}

TEST_F(SchedulerTest, AdmitsInOrderWhatThePoolHoldsNow) {
  Scheduler scheduler(&pool_, {.max_batch_tokens = 200});
  scheduler.Add(Make(1, 100, 60));   // 4 of 8 blocks, 5 in the end
  scheduler.Add(Make(2, 120, 130));  // 4, but one is left for the first
  scheduler.Add(Make(3, 5, 5));      // 1, but not before 2
  EXPECT_EQ(Step(scheduler), (std::vector<Part>{{1, 100, true}}));
  EXPECT_EQ(pool_.free_blocks(), 4);
  EXPECT_EQ(scheduler.waiting(), 2);
  const auto removed = scheduler.Remove([](const Sequence& s) { return s.id == 1; });
  ASSERT_EQ(removed.size(), 1u);
  EXPECT_EQ(removed[0]->id, 1u);
  EXPECT_EQ(pool_.free_blocks(), 8);
  EXPECT_EQ(Step(scheduler), (std::vector<Part>{{2, 120, true}, {3, 5, true}}));
  EXPECT_EQ(pool_.free_blocks(), 3);
}

TEST_F(SchedulerTest, RunsNoMoreAtOnceThanAllowed) {
  Scheduler scheduler(&pool_, {.max_batch_tokens = 100, .max_running = 2});
  for (RequestId id = 1; id <= 3; ++id) scheduler.Add(Make(id, 2, 4));
  EXPECT_EQ(Step(scheduler), (std::vector<Part>{{1, 2, true}, {2, 2, true}}));
  scheduler.Remove([](const Sequence& s) { return s.id == 1; });
  EXPECT_EQ(Step(scheduler), (std::vector<Part>{{2, 1, true}, {3, 2, true}}));
}

// The last in order is put back where blocks run out, and goes on from its beginning when there are some
// again.
TEST_F(SchedulerTest, PutsBackTheYoungestWhenBlocksRunOut) {
  Scheduler scheduler(&pool_, {.max_batch_tokens = 400});
  scheduler.Add(Make(1, 96, 100));  // 3 blocks, 7 in the end
  scheduler.Add(Make(2, 96, 100));
  EXPECT_EQ(Step(scheduler).size(), 2u);
  std::vector<Part> parts;
  for (int i = 0; i < 32; ++i) EXPECT_EQ((parts = Step(scheduler)).size(), 2u) << i;
  EXPECT_EQ(pool_.free_blocks(), 0);  // 4 each, full
  EXPECT_EQ(Step(scheduler), (std::vector<Part>{{1, 1, true}}));
  EXPECT_EQ(scheduler.counts().preemptions, 1);
  EXPECT_EQ(scheduler.waiting(), 1);
  const Sequence* second = scheduler.Find(2);
  EXPECT_EQ(second->pages.length, 0);
  EXPECT_EQ(second->answered(), 33) << "what it has said stands";
  scheduler.Remove([](const Sequence& s) { return s.id == 1; });
  EXPECT_EQ(Step(scheduler), (std::vector<Part>{{2, 96 + 33, true}}));
}

TEST_F(SchedulerTest, PrioritiesComeFirstAndTakeBlocksFromOthers) {
  Scheduler scheduler(&pool_, {.max_batch_tokens = 400});
  const auto make = [&](RequestId id, int prompt, int priority) {
    auto sequence = Make(id, prompt, 3);
    sequence->request.priority = priority;
    return sequence;
  };
  scheduler.Add(make(1, 60, 5));
  scheduler.Add(make(2, 60, 0));
  scheduler.Add(make(3, 60, 0));
  EXPECT_EQ(Step(scheduler), (std::vector<Part>{{2, 60, true}, {3, 60, true}, {1, 60, true}}));
  scheduler.Add(make(4, 90, 0));  // 3 of 2 blocks: in place of the first
  EXPECT_EQ(Step(scheduler), (std::vector<Part>{{2, 1, true}, {3, 1, true}, {4, 90, true}}));
  scheduler.Add(make(5, 90, 0));  // equals wait
  EXPECT_EQ(Step(scheduler), (std::vector<Part>{{2, 1, true}, {3, 1, true}, {4, 1, true}}));
  EXPECT_EQ(scheduler.counts().preemptions, 1);
  std::vector<RequestId> order;
  scheduler.ForEach([&](Sequence& s) { order.push_back(s.id); });
  EXPECT_EQ(order, (std::vector<RequestId>{2, 3, 4, 5, 1}));
}

// Of several that ask the same at once, one computes each page, and the others wait for it.
TEST_F(SchedulerTest, SharedPrefixesAreComputedOnce) {
  Scheduler scheduler(&pool_, {.max_batch_tokens = 40, .share_prefixes = true});
  for (RequestId id = 1; id <= 3; ++id) {
    auto sequence = Make(id, 70, 5);
    sequence->tokens[69] = static_cast<int32_t>(id);
    scheduler.Add(std::move(sequence));
  }
  const auto step = [&] {
    std::vector<Part> parts = Step(scheduler);
    for (const Part& part : parts) scheduler.Computed(*scheduler.Find(part.id));
    return parts;
  };
  EXPECT_EQ(step(), (std::vector<Part>{{1, 40, false}}));
  EXPECT_EQ(step(), (std::vector<Part>{{1, 30, true}}));
  EXPECT_EQ(step(), (std::vector<Part>{{1, 1, true}, {2, 6, true}, {3, 6, true}}));
  EXPECT_EQ(pool_.free_blocks(), 8 - 2 - 3);
  EXPECT_EQ(scheduler.Find(1)->cached, 0);
  EXPECT_EQ(scheduler.Find(3)->cached, 64);
  EXPECT_EQ(scheduler.counts().prefix_hits, 128);
  EXPECT_EQ(scheduler.counts().prefix_queries, 210);
  scheduler.Add(Make(4, 64, 5));
  EXPECT_EQ(step().back(), (Part{4, 32, true})) << "the last token is always computed";
  auto described = Make(5, 64, 5);
  described->request.prompt_logprobs = 0;
  scheduler.Remove([](const Sequence& s) { return s.id != 4; });
  scheduler.Add(std::move(described));
  EXPECT_EQ(step().back(), (Part{5, 39, false})) << "who asks about every token computes every token";
  scheduler.Remove([](const Sequence&) { return true; });
  EXPECT_EQ(pool_.free_blocks(), 8);
}

TEST_F(SchedulerTest, RemovesFromBothQueuesAndKeepsTheOrder) {
  Scheduler scheduler(&pool_, {.max_batch_tokens = 100});
  for (RequestId id = 1; id <= 4; ++id) scheduler.Add(Make(id, 60, 4));  // 2 blocks each: all run
  Step(scheduler);
  for (RequestId id = 5; id <= 8; ++id) scheduler.Add(Make(id, 60, 4));
  Step(scheduler);
  ASSERT_EQ(scheduler.running(), 4);
  ASSERT_EQ(scheduler.waiting(), 4);
  EXPECT_NE(scheduler.Find(2), nullptr);
  EXPECT_NE(scheduler.Find(6), nullptr);
  EXPECT_EQ(scheduler.Find(9), nullptr);
  const auto removed = scheduler.Remove([](const Sequence& s) { return s.id % 2 == 0; });
  std::vector<RequestId> ids;
  for (const auto& s : removed) ids.push_back(s->id);
  EXPECT_EQ(ids, (std::vector<RequestId>{2, 4, 6, 8}));
  EXPECT_EQ(pool_.free_blocks(), 4);
  EXPECT_EQ(scheduler.Find(6), nullptr);
  EXPECT_TRUE(scheduler.Remove([](const Sequence&) { return false; }).empty());
  std::vector<RequestId> left;
  scheduler.Schedule();
  scheduler.ForEach([&](Sequence& s) { left.push_back(s.id); });
  EXPECT_EQ(left, (std::vector<RequestId>{1, 3, 5, 7}));
}

TEST_F(SchedulerTest, NothingToDo) {
  Scheduler scheduler(&pool_, {.max_batch_tokens = 4});
  EXPECT_TRUE(scheduler.Schedule().empty());
  scheduler.Add(Make(1, 1000, 1));  // never fits
  EXPECT_TRUE(scheduler.Schedule().empty());
  EXPECT_EQ(scheduler.waiting(), 1);
}

}  // namespace
}  // namespace sluice::engine
