#include "base/float16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace sluice {
namespace {

// The value of a small float by its definition: (-1)^s * 2^(e-bias) * 1.m, subnormals without the 1.
double ByDefinition(uint32_t bits, int exponent_bits, int mantissa_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const uint32_t mantissa = bits & ((1u << mantissa_bits) - 1);
  const int exponent = static_cast<int>(bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
  const double sign = (bits >> (exponent_bits + mantissa_bits)) & 1 ? -1 : 1;
  const double fraction = std::ldexp(static_cast<double>(mantissa), -mantissa_bits);
  return sign * (exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias));
}

TEST(Float16, EveryF16HasItsValueAndComesBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = F16ToFloat(static_cast<uint16_t>(bits));
    if ((bits & 0x7c00) == 0x7c00) {
      if (bits & 0x3ff) {
        ASSERT_TRUE(std::isnan(value)) << bits;
        ASSERT_EQ(FloatToF16(value) & 0xfe00, (bits & 0x8000) | 0x7e00) << bits;
        continue;
      }
      ASSERT_EQ(value, (bits & 0x8000 ? -1 : 1) * std::numeric_limits<float>::infinity());
    } else {
      ASSERT_EQ(value, ByDefinition(bits, 5, 10)) << bits;
      ASSERT_EQ(std::signbit(value), (bits & 0x8000) != 0) << bits;
    }
    ASSERT_EQ(FloatToF16(value), bits);
  }
}

TEST(Float16, F16RoundsToNearestTiesToEven) {
  for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const float low = F16ToFloat(static_cast<uint16_t>(bits)),
                high = F16ToFloat(static_cast<uint16_t>(bits + 1));
    const float middle = (low + high) / 2;  // exact: one bit more than F16 has
    ASSERT_EQ(FloatToF16(middle), bits % 2 == 0 ? bits : bits + 1) << bits;
    ASSERT_EQ(FloatToF16(std::nextafter(middle, 0.0f)), bits) << bits;
    ASSERT_EQ(FloatToF16(std::nextafter(middle, 1e9f)), bits + 1) << bits;
    ASSERT_EQ(FloatToF16(-middle), 0x8000 | FloatToF16(middle)) << bits;
  }
}

TEST(Float16, F16OverflowsToInfinityFromHalfWayOn) {
  EXPECT_EQ(FloatToF16(65504.0f), 0x7bff);
  EXPECT_EQ(FloatToF16(std::nextafter(65520.0f, 0.0f)), 0x7bff);
  EXPECT_EQ(FloatToF16(65520.0f), 0x7c00);
  EXPECT_EQ(FloatToF16(-1e38f), 0xfc00);
}

TEST(Float16, Bf16RoundsToNearestTiesToEven) {
  for (uint32_t bits = 0; bits < 0x7f80; ++bits) {
    const float value = Bf16ToFloat(static_cast<uint16_t>(bits));
    ASSERT_EQ(FloatToBf16(value), bits);
    const uint32_t exact = std::bit_cast<uint32_t>(value);
    ASSERT_EQ(FloatToBf16(std::bit_cast<float>(exact + 0x7fff)), bits);
    ASSERT_EQ(FloatToBf16(std::bit_cast<float>(exact + 0x8000)), bits + bits % 2);
    ASSERT_EQ(FloatToBf16(std::bit_cast<float>(exact + 0x8001)), bits + 1);
  }
  EXPECT_EQ(FloatToBf16(std::numeric_limits<float>::max()), 0x7f80) << "rounds to infinity";
}

TEST(Float16, Bf16KeepsNan) {
  const float quiet = std::bit_cast<float>(0x7f800001u);  // the payload lies in the bits that go
  EXPECT_TRUE(std::isnan(Bf16ToFloat(FloatToBf16(quiet))));
  EXPECT_TRUE(std::isnan(Bf16ToFloat(FloatToBf16(std::bit_cast<float>(0xffffffffu)))));
}

TEST(Float16, EveryE4M3HasItsValue) {
  for (uint32_t bits = 0; bits < 256; ++bits) {
    const float value = F8E4M3ToFloat(static_cast<uint8_t>(bits));
    if ((bits & 0x7f) == 0x7f) {
      EXPECT_TRUE(std::isnan(value)) << bits;
    } else {
      EXPECT_EQ(value, ByDefinition(bits, 4, 3)) << bits;
      EXPECT_EQ(std::signbit(value), bits >= 128) << bits;
    }
  }
  EXPECT_EQ(F8E4M3ToFloat(0x7e), 448.0f);
}

TEST(Float16, EveryE8M0IsAPowerOfTwo) {
  for (int bits = 0; bits < 255; ++bits)
    EXPECT_EQ(E8M0ToFloat(static_cast<uint8_t>(bits)), std::ldexp(1.0f, bits - 127)) << bits;
}

}  // namespace
}  // namespace sluice
