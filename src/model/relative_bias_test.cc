// Buckets of distances, and what they add to scores.
#include "model/relative_bias.h"

#include <gtest/gtest.h>

#include <utility>

namespace sluice::model {
namespace {

constexpr RelativeBias kUsual{.buckets = 32, .max_distance = 128};

// The distances at which buckets begin, worked out with exact logarithms.
TEST(RelativeBucket, BeginsWhereThePublishedModelsHaveIt) {
  const std::pair<int, int> past[] = {{0, 0},    {1, 1},    {15, 15},  {16, 16},    {18, 16}, {19, 17},
                                      {21, 18},  {30, 20},  {31, 21},  {67, 27},    {98, 29}, {99, 30},
                                      {112, 30}, {113, 31}, {128, 31}, {100000, 31}};
  for (const auto& [distance, bucket] : past)
    EXPECT_EQ(RelativeBucket(kUsual, false, -distance), bucket) << distance;
  EXPECT_EQ(RelativeBucket(kUsual, false, 5), 0) << "a key after the query";
  const std::pair<int, int> both[] = {{0, 0},   {1, 1},   {7, 7},    {8, 8},      {11, 8},  {12, 9},
                                      {15, 9},  {16, 10}, {31, 11},  {32, 12},    {63, 13}, {64, 14},
                                      {90, 14}, {91, 15}, {128, 15}, {100000, 15}};
  for (const auto& [distance, bucket] : both) {
    EXPECT_EQ(RelativeBucket(kUsual, true, -distance), bucket) << distance;
    EXPECT_EQ(RelativeBucket(kUsual, true, distance), distance == 0 ? 0 : 16 + bucket) << distance;
  }
}

TEST(RelativeTable, WritesTheBiasOfEveryKey) {
  constexpr int kHeads = 3;
  std::vector<float> table;  // bucket and head in digits
  for (int i = 0; i < kUsual.buckets * kHeads; ++i)
    table.push_back(static_cast<float>(i / kHeads * 10 + i % kHeads));
  Gqa gqa{.heads = kHeads, .kv_heads = kHeads, .head_dim = 4, .sees = Gqa::Sees::kAll, .position = kUsual};
  const RelativeTable all = MakeRelativeTable(gqa, table.data());
  float out[400];
  all.Write(2, 200, 0, 400, out);
  EXPECT_EQ(out[0], 152);    // far before
  EXPECT_EQ(out[199], 12);   // the one before
  EXPECT_EQ(out[200], 2);    // itself
  EXPECT_EQ(out[201], 172);  // the one after
  EXPECT_EQ(out[399], 312);  // far after
  all.Write(2, 200, 150, 160, out);
  EXPECT_EQ(out[0], 132);  // 50 before
  gqa.sees = Gqa::Sees::kPast;
  MakeRelativeTable(gqa, table.data()).Write(1, 20, 0, 21, out);
  EXPECT_EQ(out[0], 171);  // 20 before
  EXPECT_EQ(out[20], 1);
}

}  // namespace
}  // namespace sluice::model
