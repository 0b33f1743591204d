#include "backend/cpu/choose_positions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace sluice::backend::cpu {
namespace {

using Positions = std::vector<int32_t>;

Positions Choose(const std::vector<float>& scores, int64_t count) {
  std::vector<uint64_t> scratch(scores.size());  // exactly the room that is promised
  Positions positions(static_cast<size_t>(count), -1);
  ChoosePositions(scores.data(), static_cast<int64_t>(scores.size()), count, scratch.data(),
                  positions.data());
  return positions;
}

TEST(ChoosePositions, TakesTheHighestInOrderOfPosition) {
  EXPECT_EQ(Choose({1, 5, -2, 4, 3}, 3), (Positions{1, 3, 4}));
  EXPECT_EQ(Choose({-1, -5, -2}, 1), (Positions{0}));
  EXPECT_EQ(Choose({2, 1}, 2), (Positions{0, 1}));
}

TEST(ChoosePositions, TiesGoToLowerPositions) {
  EXPECT_EQ(Choose({7, 7, 7, 7}, 2), (Positions{0, 1}));
  EXPECT_EQ(Choose({0, -0.0f, 0, 1}, 2), (Positions{0, 3}));
}

TEST(ChoosePositions, OrdersEveryFloat) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Choose({NAN, -kInf, kInf, -NAN, 0}, 1), (Positions{2}));
  EXPECT_EQ(Choose({NAN, -kInf, kInf, -NAN, 0}, 3), (Positions{1, 2, 4}));
  EXPECT_EQ(Choose({NAN, NAN, 1}, 2), (Positions{0, 2}));
}

TEST(ChoosePositions, AgreesWithAStableSort) {
  std::mt19937 random(30);
  for (int i = 0; i < 200; ++i) {
    std::vector<float> scores(1 + random() % 100);
    for (float& x : scores) x = static_cast<float>(static_cast<int>(random() % 9) - 4);
    const auto count = static_cast<int64_t>(1 + random() % scores.size());
    Positions wanted(scores.size());
    std::iota(wanted.begin(), wanted.end(), 0);
    std::ranges::stable_sort(wanted, [&](int32_t a, int32_t b) { return scores[a] > scores[b]; });
    wanted.resize(static_cast<size_t>(count));
    std::ranges::sort(wanted);
    ASSERT_EQ(Choose(scores, count), wanted);
  }
}

}  // namespace
}  // namespace sluice::backend::cpu
