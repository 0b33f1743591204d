#include "base/thread_team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>

namespace sluice {
namespace {

TEST(ThreadTeam, AJobIsDoneWhenRunReturns) {
  for (int threads : {1, 2, 5}) {
    ThreadTeam team(threads);
    for (int i = 0; i < 2000; ++i) {
      constexpr int kItems = 7;
      int done[kItems] = {};
      std::atomic<int> next{0};
      auto job = [&](int worker) {
        EXPECT_LT(worker, threads);
        for (int item = next++; item < kItems; item = next++) ++done[item];
      };
      team.Run(job);
      for (int item : done) ASSERT_EQ(item, 1);
    }
  }
}

TEST(ThreadTeam, NobodyRunsAJobThatHasEnded) {
  ThreadTeam team(4);
  std::atomic<int> running{0};
  for (int i = 0; i < 2000; ++i) {
    auto job = [&](int) {
      ++running;
      --running;
    };
    team.Run(job);
    ASSERT_EQ(running.load(), 0);
  }
}

TEST(ThreadTeam, WorkersJoinAJobThatLasts) {
  ThreadTeam team(3);
  std::atomic<int> joined{0};
  auto job = [&](int) {
    ++joined;
    while (joined < 3) std::this_thread::yield();
  };
  team.Run(job);
  EXPECT_EQ(joined.load(), 3);
}

TEST(ThreadTeam, PhysicalCpusAreDistinct) {
  const std::vector<int> cpus = PhysicalCpus();
  ASSERT_FALSE(cpus.empty());
  EXPECT_EQ(std::set<int>(cpus.begin(), cpus.end()).size(), cpus.size());
}

}  // namespace
}  // namespace sluice
