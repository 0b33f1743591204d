#include "kv/state_pool.h"

#include <gtest/gtest.h>

#include "kv/pool.h"

namespace sluice::kv {
namespace {

Result<Pool> PoolWithStates(int64_t blocks, int64_t slots) {
  SLUICE_TRY(Pool pool, Pool::Create({{1, 8, 8}}, kernels::KvType::kF32, blocks));
  SLUICE_TRY(StatePool states, StatePool::Create({5, 40}, slots));
  pool.KeepStates(std::move(states));
  return pool;
}

TEST(StatePool, SlotsAndLayersDoNotOverlap) {
  auto pool = StatePool::Create({5, 40}, 3);
  ASSERT_TRUE(pool);
  EXPECT_EQ(pool->slot_bytes(), (16 + 48) * 4);
  EXPECT_EQ(pool->At(0, 1), pool->At(0, 0) + 16);
  EXPECT_EQ(pool->At(1, 0), pool->At(0, 0) + 64);
  pool->At(2, 1)[39] = 1;
}

TEST(StatePool, HasNoSlotsWithoutLayers) {
  const auto pool = StatePool::Create({}, 0);
  ASSERT_TRUE(pool);
  EXPECT_TRUE(pool->empty());
}

TEST(StatePool, RefusesSizesBeyondReason) {
  for (const int64_t slots : {int64_t{-1}, int64_t{0}, int64_t{1} << 40}) {
    const auto pool = StatePool::Create({1 << 20}, slots);
    ASSERT_FALSE(pool);
    EXPECT_EQ(pool.error().code, ErrorCode::kUsage);
  }
}

TEST(StatePool, ASequenceHasOneSlotUntilItsEnd) {
  auto pool = PoolWithStates(8, 2);
  ASSERT_TRUE(pool);
  PageTable a, b, c;
  ASSERT_TRUE(pool->Grow(&a, 1));
  ASSERT_TRUE(pool->Grow(&b, 1));
  EXPECT_EQ(a.state, 0);
  EXPECT_EQ(b.state, 1);
  ASSERT_TRUE(pool->Grow(&a, 33));
  EXPECT_EQ(a.state, 0);
  pool->states().SetLength(a.state, 33);

  const Status full = pool->Grow(&c, 1);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kTryLater);
  EXPECT_TRUE(c.blocks.empty());
  EXPECT_EQ(c.state, StatePool::kNone);

  pool->Release(&a);
  EXPECT_EQ(a.state, StatePool::kNone);
  ASSERT_TRUE(pool->Grow(&c, 1));
  EXPECT_EQ(c.state, 0);
  EXPECT_EQ(pool->states().length(c.state), 0);
}

TEST(StatePool, NoSlotIsTakenWhereBlocksAreMissing) {
  auto pool = PoolWithStates(1, 2);
  ASSERT_TRUE(pool);
  PageTable a;
  EXPECT_FALSE(pool->Grow(&a, 33));
  EXPECT_EQ(a.state, StatePool::kNone);
  EXPECT_EQ(pool->states().free_slots(), 2);
}

TEST(StatePool, SnapshotsGiveWayTheLongestUnusedFirst) {
  auto made = StatePool::Create({4}, 1, 2);
  ASSERT_TRUE(made);
  StatePool& pool = *made;
  EXPECT_EQ(pool.slots(), 3);
  EXPECT_EQ(pool.sequences(), 1);
  const int32_t a = pool.TakeForSnapshot(), b = pool.TakeForSnapshot();
  EXPECT_NE(a, b);
  EXPECT_EQ(pool.TakeForSnapshot(), StatePool::kNone) << "both are still to come";
  EXPECT_EQ(pool.free_slots(), 1);
  EXPECT_TRUE(pool.Keep(10, a));
  EXPECT_TRUE(pool.Keep(20, b));
  EXPECT_FALSE(pool.WasUsed(10));
  EXPECT_EQ(pool.Use(10), a);
  EXPECT_TRUE(pool.WasUsed(10));
  EXPECT_EQ(pool.TakeForSnapshot(), b);
  EXPECT_FALSE(pool.Keeps(20));
  EXPECT_FALSE(pool.Keep(10, b)) << "there is one";
  EXPECT_EQ(pool.snapshots(), 1);
  pool.Forget(20);
  pool.Forget(10);
  EXPECT_EQ(pool.snapshots(), 0);
  EXPECT_EQ(pool.Take(), a) << "what was freed last";
}

TEST(StatePool, ACopyHasTheSameState) {
  auto pool = StatePool::Create({5, 40}, 2);
  ASSERT_TRUE(pool);
  const int32_t from = pool->Take(), to = pool->Take();
  pool->At(from, 1)[39] = 3;
  pool->SetLength(from, 64);
  pool->Copy(from, to);
  EXPECT_EQ(pool->At(to, 1)[39], 3);
  EXPECT_EQ(pool->length(to), 64);
}

}  // namespace
}  // namespace sluice::kv
