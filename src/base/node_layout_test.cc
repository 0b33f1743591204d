#include "base/node_layout.h"

#include <gtest/gtest.h>

#include <thread>
#include <utility>
#include <vector>

#include "base/arena.h"

namespace sluice {
namespace {

using Claims = std::vector<std::pair<int, int64_t>>;

Claims Claimed(ShareClaims& claims, int own, int most = 1000) {
  Claims claimed;
  for (; most > 0; --most) {
    const ShareClaims::Claimed next = claims.Claim(own);
    if (next.share < 0) break;
    claimed.emplace_back(next.share, next.number);
  }
  return claimed;
}

TEST(ShareClaims, OwnNumbersComeFirstThenWhatOthersLeft) {
  ShareClaims claims(3);
  const int64_t counts[] = {2, 3, 1};
  claims.Open(counts);
  EXPECT_EQ(Claimed(claims, 1, 1), (Claims{{1, 0}}));
  EXPECT_EQ(Claimed(claims, 2, 2), (Claims{{2, 0}, {0, 0}})) << "its own, then those of the share behind it";
  EXPECT_EQ(Claimed(claims, 1), (Claims{{1, 1}, {1, 2}, {0, 1}})) << "share 0 is nobody's: it is taken";
  for (const int own : {0, 1, 2}) EXPECT_EQ(claims.Claim(own).share, -1);
  claims.Open(counts);
  EXPECT_EQ(Claimed(claims, 0), (Claims{{0, 0}, {0, 1}, {1, 0}, {1, 1}, {1, 2}, {2, 0}}));
}

TEST(ShareClaims, SharesMayBeEmpty) {
  ShareClaims claims(3);
  const int64_t counts[] = {0, 0, 2};
  claims.Open(counts);
  EXPECT_EQ(Claimed(claims, 0), (Claims{{2, 0}, {2, 1}}));
  const int64_t none[] = {0, 0, 0};
  claims.Open(none);
  EXPECT_EQ(claims.Claim(1).share, -1);
}

TEST(ShareClaims, EveryNumberIsClaimedOnceByManyThreads) {
  const int64_t counts[] = {7000, 13000};
  ShareClaims claims(2);
  claims.Open(counts);
  std::vector<std::atomic<int>> times(20000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (auto next = claims.Claim(t % 2); next.share >= 0; next = claims.Claim(t % 2))
        ++times[(next.share == 0 ? 0 : counts[0]) + next.number];
    });
  for (std::thread& thread : threads) thread.join();
  for (size_t n = 0; n < times.size(); ++n) ASSERT_EQ(times[n].load(), 1) << n;
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
