#include "cli/expert_heat.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

TEST(ExpertHeat, DrawsABarForEveryExpert) {
  const int layers[] = {3};
  EXPECT_EQ(ExpertHeat(layers, {{8, 4, 0, 1}}), "  layer   3  █▄·▁  3 of 4 used, expert 0 took 62 %\n");
}

TEST(ExpertHeat, SaysNothingOfALayerThatDidNotRun) {
  const int layers[] = {0, 1};
  EXPECT_EQ(ExpertHeat(layers, {{0, 0}, {0, 5}}), "  layer   1  ·█  1 of 2 used, expert 1 took 100 %\n");
}

}  // namespace
}  // namespace sluice::cli
