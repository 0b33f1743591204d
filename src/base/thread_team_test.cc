#include "base/thread_team.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

namespace sluice {
namespace {

TEST(ThreadTeam, RunsEveryWorkerOnceAndWaitsForAll) {
  for (int threads : {1, 2, 5}) {
    ThreadTeam team(threads);
    std::vector<int> runs(threads, 0);
    auto job = [&](int worker) { ++runs[worker]; };
    for (int i = 0; i < 200; ++i) team.Run(job);
    EXPECT_EQ(runs, std::vector<int>(threads, 200));
  }
}

TEST(ThreadTeam, BarrierSeparatesPhases) {
  ThreadTeam team(4);
  std::vector<int> value(4, 0), seen(4, 0);
  auto job = [&](int worker) {
    for (int phase = 1; phase <= 500; ++phase) {
      value[worker] = phase;
      team.Barrier();
      seen[worker] += std::accumulate(value.begin(), value.end(), 0) == 4 * phase;
      team.Barrier();
    }
  };
  team.Run(job);
  EXPECT_EQ(seen, std::vector<int>(4, 500));
}

TEST(ThreadTeam, PhysicalCpusAreDistinct) {
  const std::vector<int> cpus = PhysicalCpus();
  ASSERT_FALSE(cpus.empty());
  EXPECT_EQ(std::set<int>(cpus.begin(), cpus.end()).size(), cpus.size());
}

}  // namespace
}  // namespace sluice
