// Pages found by their tokens: who shares them, how long they stay, what they leave behind.
#include <gtest/gtest.h>

#include <numeric>

#include "kv/pool.h"

namespace sluice::kv {
namespace {

constexpr int64_t kPage = kernels::kPageTokens;

class PrefixTest : public ::testing::Test {
 protected:
  PrefixTest() {
    auto pool = Pool::Create({{1, 8, 8}}, kernels::KvType::kF16, 6);
    EXPECT_TRUE(pool);
    pool_ = std::move(*pool);
  }
  static std::vector<int32_t> Tokens(int64_t n, int32_t first = 100) {
    std::vector<int32_t> tokens(static_cast<size_t>(n));
    std::iota(tokens.begin(), tokens.end(), first);
    return tokens;
  }
  // A table that has computed all of `tokens`.
  PageTable Computed(const std::vector<int32_t>& tokens, uint32_t salt = 0) {
    PageTable table;
    table.text = PrefixIndex::Empty(salt);
    const auto n = static_cast<int64_t>(tokens.size());
    pool_.Reuse(&table, tokens, n);
    EXPECT_TRUE(pool_.Grow(&table, n));
    table.length = n;
    pool_.MakeKnown(&table, tokens);
    return table;
  }
  // How many positions of `tokens` are known.
  int64_t Known(const std::vector<int32_t>& tokens, uint32_t salt = 0) {
    PageTable table;
    table.text = PrefixIndex::Empty(salt);
    const int64_t known = pool_.Reuse(&table, tokens, static_cast<int64_t>(tokens.size()));
    pool_.Release(&table);
    return known;
  }

  Pool pool_;
};

TEST_F(PrefixTest, FullPagesAreSharedWhileTheyAreUsedAndAfterwards) {
  const auto tokens = Tokens(2 * kPage + 5);
  PageTable a = Computed(tokens), b = Computed(tokens);
  EXPECT_EQ(std::vector(a.blocks.begin(), a.blocks.begin() + 2),
            std::vector(b.blocks.begin(), b.blocks.begin() + 2));
  EXPECT_NE(a.blocks[2], b.blocks[2]) << "a page that is not full is its sequence's own";
  EXPECT_EQ(pool_.free_blocks(), 2);
  pool_.Release(&a);
  EXPECT_EQ(pool_.free_blocks(), 3);
  pool_.Release(&b);
  EXPECT_EQ(pool_.free_blocks(), 6);
  EXPECT_EQ(pool_.idle_blocks(), 2);
  EXPECT_EQ(Known(tokens), 2 * kPage);
}

TEST_F(PrefixTest, ATextIsKnownByAllItsTokensAndItsSalt) {
  auto tokens = Tokens(2 * kPage);
  PageTable a = Computed(tokens);
  EXPECT_EQ(Known(tokens, 7), 0);
  EXPECT_EQ(Known({tokens.begin() + kPage, tokens.end()}), 0) << "the same page in another place";
  tokens.back() = 1;
  EXPECT_EQ(Known(tokens), kPage);
  tokens.front() = 1;
  EXPECT_EQ(Known(tokens), 0);
  pool_.Release(&a);
}

TEST_F(PrefixTest, ReuseStopsAtItsEndAndInsideAPage) {
  const auto tokens = Tokens(3 * kPage);
  PageTable a = Computed(tokens), b;
  EXPECT_EQ(pool_.Reuse(&b, tokens, 2 * kPage - 1), kPage);
  ASSERT_TRUE(pool_.Grow(&b, 3 * kPage));
  b.length += 3;
  EXPECT_EQ(pool_.Reuse(&b, tokens, 3 * kPage), 0);
  b.length -= 3;
  const int64_t free = pool_.free_blocks();
  EXPECT_EQ(pool_.Reuse(&b, tokens, 3 * kPage), 2 * kPage);
  EXPECT_EQ(pool_.free_blocks(), free + 2) << "what it had there is free";
  EXPECT_EQ(a.blocks, b.blocks);
  pool_.Release(&a);
  pool_.Release(&b);
  EXPECT_EQ(pool_.free_blocks(), 6);
}

TEST_F(PrefixTest, TheSamePageComputedTwiceBecomesOne) {
  const auto tokens = Tokens(kPage);
  PageTable a, b;
  for (PageTable* table : {&a, &b}) {
    ASSERT_TRUE(pool_.Grow(table, kPage));
    table->length = kPage;
  }
  pool_.MakeKnown(&a, tokens);
  EXPECT_EQ(pool_.free_blocks(), 4);
  pool_.MakeKnown(&b, tokens);
  EXPECT_EQ(pool_.free_blocks(), 5);
  EXPECT_EQ(a.blocks, b.blocks);
  EXPECT_EQ(a.text, b.text);
  pool_.Release(&a);
  pool_.Release(&b);
  EXPECT_EQ(pool_.free_blocks(), 6);
}

TEST_F(PrefixTest, IdlePagesGiveWayTheLongestUnusedFirstAndEndsBeforeBeginnings) {
  const auto old_text = Tokens(2 * kPage, 1000), new_text = Tokens(2 * kPage, 2000);
  for (const auto& tokens : {old_text, new_text}) {
    PageTable table = Computed(tokens);
    pool_.Release(&table);
  }
  PageTable other;
  ASSERT_TRUE(pool_.Grow(&other, 3 * kPage));
  EXPECT_EQ(Known(old_text), kPage);  // and asked for now
  ASSERT_TRUE(pool_.Grow(&other, 4 * kPage));
  EXPECT_EQ(Known(new_text), kPage);
  ASSERT_TRUE(pool_.Grow(&other, 6 * kPage));
  EXPECT_EQ(Known(old_text) + Known(new_text), 0);
  EXPECT_EQ(pool_.free_blocks(), 0);
  pool_.Release(&other);
  EXPECT_EQ(pool_.idle_blocks(), 0);
}

TEST_F(PrefixTest, UsedPagesNeverGiveWay) {
  const auto tokens = Tokens(3 * kPage);
  PageTable a = Computed(tokens), b = Computed(tokens), other;
  pool_.Release(&a);
  EXPECT_EQ(pool_.free_blocks(), 3);
  EXPECT_FALSE(pool_.Grow(&other, 4 * kPage));
  ASSERT_TRUE(pool_.Grow(&other, 3 * kPage));
  EXPECT_EQ(Known(tokens), 3 * kPage);
  pool_.Release(&b);
  pool_.Release(&other);
  pool_.ForgetIdle();
  EXPECT_EQ(Known(tokens), 0);
  EXPECT_EQ(pool_.free_blocks(), 6);
}

}  // namespace
}  // namespace sluice::kv
