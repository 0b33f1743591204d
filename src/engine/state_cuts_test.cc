#include "engine/state_cuts.h"

#include <gtest/gtest.h>

namespace sluice::engine {
namespace {

constexpr int64_t kPage = kernels::kPageTokens;

class StateCutsTest : public ::testing::Test {
 protected:
  StateCutsTest() {
    auto pool = kv::Pool::Create({{1, 8, 8}}, kernels::KvType::kF16, 64);
    auto states = kv::StatePool::Create({pool->block_bytes() / 4 * 64}, 4, kSnapshots);
    EXPECT_TRUE(pool && states);
    pool_ = std::move(*pool);
    pool_.KeepStates(std::move(*states));
  }
  static Sequence Make(int prompt) {
    Request request{.prompt = std::vector<int32_t>(static_cast<size_t>(prompt), 1), .max_tokens = 100};
    Sampler sampler({}, request.prompt);
    auto tokens = request.prompt;
    return Sequence{1, std::move(request), {}, std::move(sampler), std::move(tokens), {}, false};
  }
  // The lengths of what a step of `count` tokens leaves.
  std::vector<int64_t> Plan(Sequence& s, int64_t count) {
    PlanCuts(CutSpacing::Of(pool_), count, s, pool_);
    std::vector<int64_t> lengths;
    for (const kv::StateCut& cut : s.pages.cuts) lengths.push_back(cut.length);
    return lengths;
  }
  // As if it were computed.
  void Pass(Sequence& s, int64_t count) {
    EXPECT_TRUE(pool_.Grow(&s.pages, s.pages.length + count));
    s.pages.length += count;
    pool_.MakeKnown(&s.pages, s.tokens);
  }

  static constexpr int64_t kSnapshots = 3;
  kv::Pool pool_;
};

using Lengths = std::vector<int64_t>;

TEST_F(StateCutsTest, AreAsFarApartAsKeysAndValuesOfTheirBytes) {
  const CutSpacing spacing = CutSpacing::Of(pool_);
  EXPECT_EQ(spacing.every, 64 * kPage);
  EXPECT_EQ(spacing.least, 2 * kPage);
}

TEST_F(StateCutsTest, ComeAtThePromptsEndAndWhereOthersPart) {
  Sequence s = Make(20 * kPage);
  s.pages.indexed = 5 * kPage;
  s.branches = {6 * kPage, 9 * kPage};
  EXPECT_EQ(Plan(s, 4 * kPage), Lengths{});
  EXPECT_EQ(Plan(s, 20 * kPage), (Lengths{5 * kPage, 9 * kPage, 19 * kPage})) << "one page is too near";
  pool_.Release(&s.pages);
}

TEST_F(StateCutsTest, NoMoreThanThereAreSlotsFor) {
  Sequence s = Make(20 * kPage + 1);
  s.branches = {2 * kPage, 4 * kPage, 6 * kPage, 8 * kPage};
  EXPECT_EQ(Plan(s, 21 * kPage), (Lengths{6 * kPage, 8 * kPage, 20 * kPage})) << "the deepest";
  EXPECT_EQ(pool_.states().free_slots(), 4) << "sequences still find theirs";
  pool_.Release(&s.pages);
  Sequence next = Make(20 * kPage + 1);
  EXPECT_EQ(Plan(next, 20 * kPage), Lengths{20 * kPage});
  pool_.Release(&next.pages);
}

TEST_F(StateCutsTest, OfAnAnswerTheLastPageIsKept) {
  Sequence s = Make(2 * kPage + 1);
  EXPECT_EQ(Plan(s, 2 * kPage + 1), Lengths{2 * kPage});
  Pass(s, 2 * kPage + 1);
  for (int64_t length = 2 * kPage + 2; length <= 7 * kPage; ++length) {
    s.tokens.push_back(static_cast<int32_t>(length));
    const bool cuts = length % kPage == 0 && length >= 4 * kPage;
    EXPECT_EQ(Plan(s, 1), cuts ? Lengths{length} : Lengths{}) << length;
    Pass(s, 1);
  }
  EXPECT_EQ(pool_.states().snapshots(), 2) << "the prompt's, and the answer's newest";
  s.tokens.push_back(1);
  kv::PageTable next;
  EXPECT_EQ(pool_.Reuse(&next, s.tokens, 7 * kPage), 7 * kPage);
  EXPECT_EQ(pool_.Grow(&next, 7 * kPage + 1).has_value(), true);
  // Somebody went on from it: it stays beside what comes next.
  for (int64_t i = 0; i < kPage; ++i) {
    Plan(s, 1);
    Pass(s, 1);
    s.tokens.push_back(1);
  }
  EXPECT_EQ(pool_.states().snapshots(), 3);
  pool_.Release(&next);
  pool_.Release(&s.pages);
}

TEST_F(StateCutsTest, TextsShareWholePagesAndLeaveAToken) {
  Sequence a = Make(3 * kPage), b = Make(3 * kPage);
  EXPECT_EQ(SharedTokens(a, b), 2 * kPage);
  a.tokens.push_back(1);
  EXPECT_EQ(SharedTokens(a, b), 3 * kPage);
  EXPECT_EQ(SharedTokens(b, a), 2 * kPage);
  b.tokens[kPage + 3] = 2;
  EXPECT_EQ(SharedTokens(a, b), kPage);
  b.salt = 1;
  EXPECT_EQ(SharedTokens(a, b), 0);
}

}  // namespace
}  // namespace sluice::engine
