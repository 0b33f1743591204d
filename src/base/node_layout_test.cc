#include "base/node_layout.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/arena.h"

namespace sluice {
namespace {

std::vector<int64_t> Claimed(NodeClaims& claims, int node, int most = 1000) {
  std::vector<int64_t> claimed;
  for (int64_t n = 0; most > 0 && (n = claims.Claim(node)) >= 0; --most) claimed.push_back(n);
  return claimed;
}

using Numbers = std::vector<int64_t>;

TEST(NodeClaims, OwnNumbersComeFirstThenWhatOthersLeft) {
  NodeClaims claims(3);
  const int64_t ends[] = {2, 5, 6};
  claims.Open(ends);
  EXPECT_EQ(Claimed(claims, 1, 1), (Numbers{2}));
  EXPECT_EQ(Claimed(claims, 2, 2), (Numbers{5, 0})) << "its own, then those of the node behind it";
  EXPECT_EQ(Claimed(claims, 1), (Numbers{3, 4, 1})) << "nobody works on node 0: what it has is taken";
  for (const int node : {0, 1, 2}) EXPECT_EQ(claims.Claim(node), -1);
  claims.Open(ends);
  EXPECT_EQ(Claimed(claims, 0), (Numbers{0, 1, 2, 3, 4, 5}));
}

TEST(NodeClaims, NodesMayHaveNothing) {
  NodeClaims claims(3);
  const int64_t ends[] = {0, 0, 2};
  claims.Open(ends);
  EXPECT_EQ(Claimed(claims, 0), (Numbers{0, 1}));
  const int64_t none[] = {0, 0, 0};
  claims.Open(none);
  EXPECT_EQ(claims.Claim(1), -1);
}

TEST(NodeClaims, EveryNumberIsClaimedOnceByManyThreads) {
  constexpr int64_t kNumbers = 20000;
  NodeClaims claims(2);
  const int64_t ends[] = {kNumbers / 3, kNumbers};
  claims.Open(ends);
  std::vector<std::atomic<int>> times(kNumbers);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int64_t n = claims.Claim(t % 2); n >= 0; n = claims.Claim(t % 2)) ++times[n];
    });
  for (std::thread& thread : threads) thread.join();
  for (int64_t n = 0; n < kNumbers; ++n) ASSERT_EQ(times[n].load(), 1) << n;
}

TEST(SliceLength, CoversEverything) {
  EXPECT_EQ(SliceLength(9, 2), 5);
  EXPECT_EQ(SliceLength(8, 2), 4);
  EXPECT_EQ(SliceLength(1, 4), 1);
  EXPECT_EQ(SliceLength(0, 4), 0);
}

TEST(PlaceOnNode, ARefusalIsAnError) {
  auto arena = Arena::Reserve(1 << 20);
  ASSERT_TRUE(arena);
  const Status refused = PlaceOnNode(arena->data(), arena->size(), 1000);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kOs);
  EXPECT_NE(refused.error().message.find("node 1000"), std::string::npos) << refused.error().message;
  arena->data()[0] = std::byte{1};  // and the memory is as good as before
}

}  // namespace
}  // namespace sluice
