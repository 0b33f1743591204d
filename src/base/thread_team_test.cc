#include "base/thread_team.h"

#include <gtest/gtest.h>
#include <sched.h>

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

TEST(ThreadTeam, WorkersAreSharedOutAmongNodes) {
  const NodeLayout layout{{{3, {0}}, {5, {1, 2}}}};
  const ThreadTeam team(5, layout);
  EXPECT_EQ(team.nodes(), 2);
  std::vector<int> nodes;
  for (int worker = 0; worker < team.size(); ++worker) nodes.push_back(team.NodeOf(worker));
  EXPECT_EQ(nodes, (std::vector<int>{0, 0, 0, 1, 1}));
  const ThreadTeam plain(3);
  EXPECT_EQ(plain.nodes(), 1);
  EXPECT_EQ(plain.NodeOf(2), 0);
}

TEST(ThreadTeam, WorkersRunOnTheCpusOfTheirNodes) {
  const std::vector<int> cpus = PhysicalCpus();
  if (cpus.size() < 2) GTEST_SKIP() << "one core";
  ThreadTeam team(2, NodeLayout{{{0, {cpus[1]}}, {1, {cpus[0]}}}});
  int ran_on[2] = {-1, -1};
  std::atomic<int> joined{0};
  auto job = [&](int worker) {
    ++joined;
    while (joined < 2) std::this_thread::yield();
    ran_on[worker] = ::sched_getcpu();
  };
  std::thread caller([&] {
    team.BindCaller();
    team.Run(job);
  });
  caller.join();
  EXPECT_EQ(ran_on[0], cpus[1]);
  EXPECT_EQ(ran_on[1], cpus[0]);
}

TEST(ThreadTeam, PhysicalCpusAreDistinct) {
  const std::vector<int> cpus = PhysicalCpus();
  ASSERT_FALSE(cpus.empty());
  EXPECT_EQ(std::set<int>(cpus.begin(), cpus.end()).size(), cpus.size());
}

}  // namespace
}  // namespace sluice
