#include "kv/pool.h"

#include <gtest/gtest.h>

#include <set>

namespace sluice::kv {
namespace {

TEST(Pool, PagesOfLayersAndHeadsDoNotOverlap) {
  auto pool = Pool::Create({{2, 8, 4}, {1, 24, 0}}, kernels::KvType::kF16, 11);
  ASSERT_TRUE(pool);
  PageTable table;
  ASSERT_TRUE(pool->Grow(&table, 11 * 32));
  std::set<std::pair<const std::byte*, const std::byte*>> ranges;
  for (int32_t block : table.blocks) {
    for (int head = 0; head < 2; ++head) {
      ranges.insert({pool->KeyPage(block, 0, head), pool->KeyPage(block, 0, head) + 32 * 8 * 2});
      ranges.insert({pool->ValuePage(block, 0, head), pool->ValuePage(block, 0, head) + 32 * 4 * 2});
    }
    ranges.insert({pool->KeyPage(block, 1, 0), pool->KeyPage(block, 1, 0) + 32 * 24 * 2});
  }
  ASSERT_EQ(ranges.size(), 55u);
  const std::byte* end = ranges.begin()->first;
  for (const auto& [first, last] : ranges) {
    EXPECT_EQ(end, first);  // and none is left out
    end = last;
  }
  EXPECT_EQ(end - ranges.begin()->first, pool->blocks() * pool->block_bytes());
}

TEST(Pool, AHeadsPagesOfOneSpanFollowOneAnother) {
  auto pool = Pool::Create({{2, 8, 4}, {1, 24, 0}}, kernels::KvType::kF16, 11);
  ASSERT_TRUE(pool);
  for (const int32_t block : {0, 1, 6, 8, 9}) {
    EXPECT_EQ(pool->KeyPage(block + 1, 0, 1) - pool->KeyPage(block, 0, 1), 32 * (8 + 4) * 2);
    EXPECT_EQ(pool->KeyPage(block + 1, 1, 0) - pool->KeyPage(block, 1, 0), 32 * 24 * 2);
  }
}

TEST(Pool, RefusesWhenFullAndChangesNothing) {
  auto pool = Pool::Create({{1, 8, 8}}, kernels::KvType::kF32, 2);
  ASSERT_TRUE(pool);
  PageTable a, b;
  ASSERT_TRUE(pool->Grow(&a, 33));
  EXPECT_EQ(pool->free_blocks(), 0);
  const Status full = pool->Grow(&b, 1);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kTryLater);
  EXPECT_TRUE(b.blocks.empty());
  ASSERT_TRUE(pool->Grow(&a, 64));  // fits what it has
  pool->Release(&a);
  EXPECT_EQ(pool->free_blocks(), 2);
  EXPECT_TRUE(pool->Grow(&b, 64));
}

TEST(Pool, GivesBlocksBackInTheirOrderAndReusesThem) {
  auto pool = Pool::Create({{1, 8, 8}}, kernels::KvType::kF32, 4);
  ASSERT_TRUE(pool);
  PageTable a, b;
  ASSERT_TRUE(pool->Grow(&a, 64));
  ASSERT_TRUE(pool->Grow(&b, 64));
  const std::vector<int32_t> blocks = a.blocks;
  pool->Release(&a);
  EXPECT_EQ(a.length, 0);
  EXPECT_EQ(a.capacity(), 0);
  pool->Release(&a);  // nothing to give back
  EXPECT_EQ(pool->free_blocks(), 2);
  ASSERT_TRUE(pool->Grow(&a, 33));
  EXPECT_EQ(a.blocks, blocks);
}

TEST(Pool, RefusesSizesThatOverflowOrExceedTheMachine) {
  for (int64_t blocks : {int64_t{0}, int64_t{-5}, int64_t{1} << 31, int64_t{1} << 62}) {
    const auto pool = Pool::Create({{1, 8, 8}}, kernels::KvType::kF32, blocks);
    ASSERT_FALSE(pool) << blocks;
    EXPECT_EQ(pool.error().code, ErrorCode::kUsage);
  }
  const auto wide = Pool::Create({{1 << 20, 1 << 20, 1 << 20}}, kernels::KvType::kF32, 1 << 30);
  ASSERT_FALSE(wide);
  EXPECT_EQ(wide.error().code, ErrorCode::kUsage);
  const auto large = Pool::Create({{1, 1 << 20, 1 << 20}}, kernels::KvType::kF32, 1 << 30);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, ErrorCode::kOs);
}

}  // namespace
}  // namespace sluice::kv
