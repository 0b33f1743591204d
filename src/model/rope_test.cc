#include "model/rope.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice::model {
namespace {

void ExpectFrequencies(const Rope& rope, const std::vector<double>& expected) {
  const std::vector<float> actual = RopeFrequencies(rope);
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i)
    EXPECT_NEAR(actual[i], expected[i], expected[i] * 1e-6) << "pair " << i;
}

TEST(Rope, PlainFrequenciesAreAGeometricSeries) {
  ExpectFrequencies({.theta = 1e4f, .dims = 8}, {1, 0.1, 0.01, 0.001});
  EXPECT_EQ(RopeMagnitude({.theta = 1e4f, .dims = 8}), 1);
}

TEST(Rope, LinearScalingDividesAll) {
  ExpectFrequencies({.theta = 1e4f, .dims = 8, .scaling = LinearScaling{4}}, {0.25, 0.025, 0.0025, 0.00025});
}

TEST(Rope, FileFactorsDivideTheirPair) {
  const std::vector<float> factors = {1, 2, 4, 8};
  const auto f = RopeFrequencies({.theta = 1e4f, .dims = 8, .file_factors = true}, factors);
  EXPECT_FLOAT_EQ(f[0], 1);
  EXPECT_FLOAT_EQ(f[1], 0.05f);
  EXPECT_FLOAT_EQ(f[2], 0.0025f);
  EXPECT_FLOAT_EQ(f[3], 0.000125f);
}

TEST(Rope, Llama3KeepsBlendsAndStretches) {
  const Llama3Scaling scaling{.factor = 8, .low_freq_factor = 1, .high_freq_factor = 4, .original_ctx = 64};
  ExpectFrequencies({.theta = 5e5f, .dims = 16, .scaling = scaling},
                    {1, 0.0794030092, 0.00470075387, 0.000911583092, 0.000176776695, 3.4281022e-05,
                     6.64786987e-06, 1.28917317e-06});
}

TEST(Rope, Llama3WithoutABandBetweenIsFinite) {
  const Llama3Scaling scaling{.factor = 8, .low_freq_factor = 1, .high_freq_factor = 1, .original_ctx = 64};
  for (float f : RopeFrequencies({.theta = 5e5f, .dims = 16, .scaling = scaling}))
    EXPECT_TRUE(std::isfinite(f));
}

TEST(Rope, YarnRoundsTheCorrectionRange) {
  ExpectFrequencies({.theta = 1e4f, .dims = 16, .scaling = YarnScaling{.factor = 4, .original_ctx = 64}},
                    {1, 0.237170825, 0.05, 0.00790569415, 0.0025, 0.000790569415, 0.00025, 7.90569415e-05});
}

TEST(Rope, YarnWithoutRounding) {
  const YarnScaling scaling{.factor = 32, .original_ctx = 4096, .truncate = false};
  ExpectFrequencies({.theta = 15e4f, .dims = 16, .scaling = scaling},
                    {1, 0.225418, 0.0508132748, 0.00679495949, 0.000456483919, 1.81883367e-05, 4.09997848e-06,
                     9.2420895e-07});
}

TEST(Rope, YarnWithEqualBetas) {
  const YarnScaling scaling{.factor = 32, .beta_fast = 1, .beta_slow = 1, .original_ctx = 4096};
  ExpectFrequencies({.theta = 1e4f, .dims = 16, .scaling = scaling},
                    {1, 0.316227766, 0.1, 0.0316227766, 0.01, 0.00316227766, 3.125e-05, 9.88211769e-06});
}

TEST(Rope, YarnMagnitudeGrowsWithTheFactor) {
  EXPECT_FLOAT_EQ(YarnMagnitude(40, 0.707f), 1.2608037774f);
  EXPECT_FLOAT_EQ(YarnMagnitude(4, 1), 1.1386294361f);
  EXPECT_EQ(YarnMagnitude(1, 1), 1);
  EXPECT_EQ(YarnMagnitude(0.5f, 1), 1);
  EXPECT_EQ(RopeMagnitude({.dims = 8, .scaling = YarnScaling{.magnitude = 1.25f}}), 1.25f);
}

}  // namespace
}  // namespace sluice::model
