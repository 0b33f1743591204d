#include <gtest/gtest.h>

#include <cmath>

#include "machine/bandwidth.h"
#include "machine/peak.h"
#include "machine/product_rate.h"

namespace sluice::machine {
namespace {

void ExpectPlausible(const Rate& rate) {
  EXPECT_TRUE(std::isfinite(rate.highest));
  EXPECT_GT(rate.lowest, 0);
  EXPECT_LE(rate.lowest, rate.median);
  EXPECT_LE(rate.median, rate.highest);
}

TEST(ReadBandwidth, IsPositiveAndFinite) {
  ThreadTeam team(2);
  for (const Care care : {Care::kUsual, Care::kBrief}) {
    const Result<Rate> rate = ReadBandwidth(team, 0, care);
    ASSERT_TRUE(rate) << rate.error().message;
    ExpectPlausible(*rate);
  }
}

TEST(Peak, IsPositiveAndFiniteOnEveryTier) {
  ThreadTeam team(1);
  for (const kernels::Isa isa : kernels::kAllIsas) {
    if (!kernels::Supported(isa)) continue;
    ExpectPlausible(Int8Peak(team, isa));
    ExpectPlausible(FloatPeak(team, isa));
  }
}

TEST(MeasureProduct, IsPositiveAndFinite) {
  ThreadTeam team(1);
  for (const DType type : {DType::kF32, DType::kQ8_0, DType::kQ4_K, DType::kF64}) {
    const Result<ProductRate> rate = MeasureProduct(team, kernels::SelectIsa().value(), type, 8 << 20);
    ASSERT_TRUE(rate) << rate.error().message;
    EXPECT_GT(rate->decode, 0);
    EXPECT_GT(rate->prompt, 0);
    EXPECT_TRUE(std::isfinite(rate->decode + rate->prompt));
  }
}

TEST(Summarise, TakesTheMiddle) {
  const Rate odd = Summarise({3, 1, 2});
  EXPECT_EQ(odd.median, 2);
  EXPECT_EQ(odd.lowest, 1);
  EXPECT_EQ(odd.highest, 3);
  EXPECT_EQ(Summarise({4, 1, 2, 3}).median, 2.5);
}

}  // namespace
}  // namespace sluice::machine
