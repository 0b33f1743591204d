#include "backend/cpu/expert_groups.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::backend::cpu {
namespace {

std::vector<ExpertGroup> GroupsOf(const std::vector<int32_t>& counts) {
  std::vector<ExpertGroup> groups;
  int32_t first = 0;
  for (const int32_t count : counts) {
    groups.push_back({static_cast<int32_t>(groups.size()), first, count});
    first += count;
  }
  return groups;
}

std::vector<bool> WholeOf(const std::vector<int32_t>& counts, int64_t workers) {
  std::vector<ExpertGroup> groups = GroupsOf(counts);
  ChooseWhole(groups, workers);
  std::vector<bool> whole;
  for (const ExpertGroup& g : groups) whole.push_back(g.whole);
  return whole;
}

TEST(ChooseWhole, LeavesHalfOfTheWork) {
  EXPECT_EQ(WholeOf({1, 1, 1, 1, 1, 1, 1, 1}, 2), std::vector<bool>({1, 1, 1, 1, 0, 0, 0, 0}));
  EXPECT_EQ(WholeOf({1, 1, 1, 1, 1, 1}, 2), std::vector<bool>({1, 1, 1, 0, 0, 0}));
}

TEST(ChooseWhole, TakesNoneWhereExpertsAreFewForTheWorkers) {
  EXPECT_EQ(WholeOf({1, 1, 1, 1}, 2), std::vector<bool>(4, false));
  EXPECT_EQ(WholeOf({1, 1, 1, 1, 1, 1, 1, 1}, 3), std::vector<bool>(8, false));
  EXPECT_TRUE(WholeOf({}, 2).empty());
}

TEST(ChooseWhole, CutsAnExpertThatMostTokensChose) {
  EXPECT_EQ(WholeOf({2, 1, 1, 30, 2, 1, 2, 1}, 2), std::vector<bool>({1, 1, 1, 0, 1, 1, 1, 0}))
      << "the large one is not whole, six of the others are half";
}

TEST(ChooseWhole, CountsReadingAsTheRowsThatCouldBeMultipliedMeanwhile) {
  EXPECT_EQ(WholeOf({1, 6, 1, 6, 1, 6, 1, 6}, 2), WholeOf({1, 1, 1, 1, 1, 1, 1, 1}, 2));
}

}  // namespace
}  // namespace sluice::backend::cpu
