// The quantisers of activation rows: every tier gives the scalar one's bytes, and those are what the layout
// says.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/checkasm/operands.h"

namespace sluice::kernels::checkasm {
namespace {

using QuantizeFn = void (*)(const float*, int64_t, std::byte*);

QuantizeFn Quantizer(Isa isa, ActType type) {
  const Table& table = TableFor(isa);
  return type == ActType::kQ8x32 ? table.quantize_q8x32 : table.quantize_q8x256;
}

// Codes, scales and sums, without the gaps between them; all NaNs alike.
struct Row {
  std::vector<int8_t> codes;
  std::vector<float> scales;
  std::vector<int16_t> sums;
};

Row Quantize(Isa isa, ActType type, const std::vector<float>& x) {
  const auto k = static_cast<int64_t>(x.size());
  const ActLayout at{k, BlockOf(type)};
  GuardedBuffer<float> in(x);
  Bytes out(static_cast<size_t>(ActRowBytes(type, k)));
  Quantizer(isa, type)(in.data(), k, out.data());
  EXPECT_TRUE(out.UntouchedBefore());
  Row row{std::vector<int8_t>(x.size()), std::vector<float>(x.size() / static_cast<size_t>(at.block)),
          std::vector<int16_t>(x.size() / 16)};
  std::memcpy(row.codes.data(), out.data(), row.codes.size());
  std::memcpy(row.scales.data(), out.data() + at.scales_at(), row.scales.size() * sizeof(float));
  std::memcpy(row.sums.data(), out.data() + at.sums_at(), row.sums.size() * sizeof(int16_t));
  return row;
}

class ActivationRowCheck : public testing::TestWithParam<ActType> {};

TEST_P(ActivationRowCheck, TiersGiveTheBytesOfTheScalarOne) {
  std::mt19937 random(5);
  const int block = BlockOf(GetParam());
  for (Values values : {Values::kNormal, Values::kExtremes, Values::kSpecial})
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::vector<float> x = MakeValues(block * static_cast<int64_t>(1 + random() % 8), values, random);
      const float spread = std::ldexp(1.0f, static_cast<int>(random() % 120) - 60);
      for (float& v : x) v *= spread;
      const Row want = Quantize(Isa::kScalar, GetParam(), x);
      for (Isa isa : SupportedTiers()) {
        const Row got = Quantize(isa, GetParam(), x);
        EXPECT_EQ(got.codes, want.codes);
        EXPECT_EQ(got.sums, want.sums);
        EXPECT_EQ(FirstDifference(got.scales, want.scales), -1);
      }
    }
}

TEST_P(ActivationRowCheck, TiesGoToEvenCodes) {
  const auto k = static_cast<size_t>(BlockOf(GetParam()));
  std::vector<float> x(k, 0.5f);
  x[0] = 127;  // scale 1
  x[1] = 1.5f;
  x[2] = -2.5f;
  for (Isa isa : SupportedTiers()) {
    const Row row = Quantize(isa, GetParam(), x);
    EXPECT_EQ(row.scales[0], 1.0f);
    EXPECT_EQ(row.codes[0], 127);
    EXPECT_EQ(row.codes[1], 2);
    EXPECT_EQ(row.codes[2], -2);
    EXPECT_EQ(row.codes[3], 0);
    EXPECT_EQ(row.sums[0], 127);
  }
}

TEST_P(ActivationRowCheck, CodesAreWithinHalfAStep) {
  std::mt19937 random(6);
  const std::vector<float> x = MakeValues(1024, Values::kNormal, random);
  const Row row = Quantize(Isa::kScalar, GetParam(), x);
  for (size_t i = 0; i < x.size(); ++i) {
    const float scale = row.scales[i / static_cast<size_t>(BlockOf(GetParam()))];
    ASSERT_NEAR(x[i], scale * row.codes[i], scale * 0.5001f) << i;
  }
}

TEST_P(ActivationRowCheck, ZerosAndNonFiniteBlocks) {
  const auto k = static_cast<size_t>(BlockOf(GetParam()));
  std::vector<float> x(3 * k, 1.0f);
  std::fill(x.begin(), x.begin() + static_cast<int64_t>(k), 1e-44f);
  x[k + 3] = -INFINITY;
  for (Isa isa : SupportedTiers()) {
    const Row row = Quantize(isa, GetParam(), x);
    EXPECT_EQ(row.scales[0], 0.0f);
    EXPECT_EQ(row.codes[0], 0);
    EXPECT_TRUE(std::isnan(row.scales[1]));
    EXPECT_EQ(row.codes[k], 0);
    EXPECT_EQ(row.codes[2 * k], 127);
  }
}

INSTANTIATE_TEST_SUITE_P(Types, ActivationRowCheck, testing::Values(ActType::kQ8x32, ActType::kQ8x256),
                         [](const auto& info) {
                           return info.param == ActType::kQ8x32 ? std::string("Q8x32")
                                                                : std::string("Q8x256");
                         });

}  // namespace
}  // namespace sluice::kernels::checkasm
