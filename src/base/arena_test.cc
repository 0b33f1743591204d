#include "base/arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "base/machine_memory.h"

namespace sluice {
namespace {

TEST(Arena, IsZeroedAndGivesOutAlignedPiecesThatDoNotOverlap) {
  auto arena = Arena::Reserve(10000);
  ASSERT_TRUE(arena);
  EXPECT_TRUE(
      std::all_of(arena->data(), arena->data() + 10000, [](std::byte b) { return b == std::byte{0}; }));
  std::byte* a = arena->Take(1);
  std::byte* b = arena->Take(5);
  std::byte* c = arena->Take(100, 4096);
  EXPECT_EQ(a, arena->data());
  EXPECT_EQ(b - a, 64);
  EXPECT_EQ(c - a, 4096);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(c) % 4096, 0u);
  EXPECT_EQ(arena->Take(10000 - 4096 - 128) - a, 4096 + 128);
  EXPECT_NE(arena->Take(0, 16), nullptr);
}

TEST(Arena, OfNothingIsEmpty) {
  for (int64_t bytes : {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::min()}) {
    const auto arena = Arena::Reserve(bytes);
    ASSERT_TRUE(arena);
    EXPECT_EQ(arena->size(), 0);
    EXPECT_EQ(arena->data(), nullptr);
  }
}

TEST(Arena, MovesLeaveOneOwner) {
  auto made = Arena::Reserve(4096);
  ASSERT_TRUE(made);
  std::byte* data = made->data();
  Arena a = std::move(*made);
  EXPECT_EQ(a.data(), data);
  EXPECT_EQ(made->data(), nullptr);
  Arena b;
  b = std::move(a);
  EXPECT_EQ(b.data(), data);
  EXPECT_EQ(b.size(), 4096);
  EXPECT_EQ(a.data(), nullptr);
}

TEST(Arena, RefusesMoreThanTheMachineHasWithTheNumbers) {
  for (int64_t bytes : {MachineMemory() + 1, std::numeric_limits<int64_t>::max()}) {
    const auto arena = Arena::Reserve(bytes);
    ASSERT_FALSE(arena);
    EXPECT_EQ(arena.error().code, ErrorCode::kOs);
    EXPECT_NE(arena.error().message.find("GB"), std::string::npos);
    EXPECT_FALSE(arena.error().hint.empty());
  }
}

TEST(Arena, ArenasShareTheMachine) {
  const int64_t most = MachineMemory() / 3 * 2;
  {
    const auto first = Arena::Reserve(most);
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_FALSE(Arena::Reserve(most));
    EXPECT_TRUE(Arena::Reserve(most / 4)) << "a refusal takes nothing";
  }
  EXPECT_TRUE(Arena::Reserve(most)) << "given back";
}

TEST(ArenaDeathTest, RunningOverIsFatal) {
  auto arena = Arena::Reserve(4096);
  ASSERT_TRUE(arena);
  EXPECT_DEATH(arena->Take(4097), "");
  EXPECT_DEATH(arena->Take(-1), "");
  EXPECT_DEATH(arena->Take(std::numeric_limits<int64_t>::max()), "");
  arena->Take(4090);
  EXPECT_DEATH(arena->Take(1), "");
}

}  // namespace
}  // namespace sluice
