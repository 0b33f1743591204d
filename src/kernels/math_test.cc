#include "kernels/math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/guarded_buffer.h"

namespace sluice::kernels {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Distance from the exact value in units of its last place; in the subnormal range, of the smallest float.
double Ulps(float got, double exact) {
  int exponent;
  std::frexp(exact, &exponent);
  return std::abs(got - exact) / std::ldexp(1.0, std::max(exponent - 24, -149));
}

// Calls f with about n floats of both signs, spread over all exponents.
template <class F>
void Sweep(uint32_t n, F f) {
  const uint32_t step = 0xffffffffu / n;
  for (uint32_t i = 0; i < n; ++i) f(std::bit_cast<float>(i * step));
}

TEST(MathTest, ExpIsWithinItsBound) {
  double worst = 0;
  for (float x = -103.9f; x < 88.7f; x += 1.0f / 8192)
    worst = std::max(worst, Ulps(Exp(x), std::exp(double{x})));
  Sweep(100'000, [&](float x) {
    if (x > -103.9f && x < 88.7f) worst = std::max(worst, Ulps(Exp(x), std::exp(double{x})));
  });
  EXPECT_LE(worst, 1.1);
}

TEST(MathTest, ExpAtTheEdges) {
  EXPECT_EQ(Exp(0.0f), 1.0f);
  EXPECT_EQ(Exp(-0.0f), 1.0f);
  EXPECT_EQ(Exp(-kInf), 0.0f);
  EXPECT_EQ(Exp(-1e30f), 0.0f);
  EXPECT_EQ(Exp(-103.98f), 0.0f);
  EXPECT_EQ(Exp(-103.9f), std::numeric_limits<float>::denorm_min());
  EXPECT_EQ(Exp(88.73f), kInf);
  EXPECT_TRUE(std::isfinite(Exp(88.72f)));
  EXPECT_EQ(Exp(kInf), kInf);
  EXPECT_TRUE(std::isnan(Exp(kNan)));
}

TEST(MathTest, TanhIsWithinThreeUlps) {
  double worst = 0;
  for (float x = -10.0f; x < 10.0f; x += 1.0f / 16384)
    worst = std::max(worst, Ulps(Tanh(x), std::tanh(double{x})));
  Sweep(100'000, [&](float x) {
    if (!std::isnan(x)) worst = std::max(worst, Ulps(Tanh(x), std::tanh(double{x})));
  });
  EXPECT_LE(worst, 3.0);
  EXPECT_EQ(Tanh(kInf), 1.0f);
  EXPECT_EQ(Tanh(-kInf), -1.0f);
  EXPECT_TRUE(std::signbit(Tanh(-0.0f)));
  EXPECT_TRUE(std::isnan(Tanh(kNan)));
}

TEST(MathTest, ErfIsWithinItsBound) {
  double worst = 0;
  for (float x = -6.0f; x < 6.0f; x += 1.0f / 16384)
    worst = std::max(worst, std::abs(Erf(x) - std::erf(double{x})));
  EXPECT_LE(worst, 1.2e-7);
  // Near zero the error is relative.
  for (float x = 1e-30f; x < 1.0f; x *= 1.37f) EXPECT_LE(Ulps(Erf(x), std::erf(double{x})), 2.0) << x;
  EXPECT_EQ(Erf(kInf), 1.0f);
  EXPECT_EQ(Erf(-kInf), -1.0f);
  EXPECT_TRUE(std::isnan(Erf(kNan)));
}

TEST(MathTest, ActivationsFollowTheirDefinitions) {
  for (float f = -30.0f; f < 30.0f; f += 1.0f / 512) {
    const double x = f;
    const double sigmoid = 1 / (1 + std::exp(-x));
    EXPECT_NEAR(Sigmoid(f), sigmoid, 2e-7 * sigmoid) << f;
    EXPECT_NEAR(Silu(f), x * sigmoid, 3e-7 * std::abs(x * sigmoid)) << f;
    EXPECT_NEAR(Gelu(f), x * 0.5 * (1 + std::erf(x / std::sqrt(2.0))), 2e-7 * std::abs(x)) << f;
    const double inner = std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
    EXPECT_NEAR(GeluTanh(f), x * 0.5 * (1 + std::tanh(inner)), 3e-7 * std::abs(x)) << f;
  }
}

// The table's kernels and the one-lane functions are the same operations.
TEST(MathTest, EveryTierGivesTheBitsOfOneLane) {
  std::vector<float> x = {0.0f, -0.0f, kInf, -kInf, kNan, 1e-45f, -1e-45f};
  Sweep(200'000, [&](float v) { x.push_back(v); });
  for (float v = -105.0f; v < 90.0f; v += 1.0f / 1024) x.push_back(v);
  const auto n = static_cast<int64_t>(x.size());
  using Function = float (*)(float);
  const struct {
    Activation act;
    Function function;
  } cases[] = {{Activation::kSilu, Silu}, {Activation::kGelu, Gelu}, {Activation::kGeluTanh, GeluTanh}};
  std::vector<float> want(x.size()), got(x.size());
  for (const auto& c : cases) {
    std::ranges::transform(x, want.begin(), c.function);
    for (Isa isa : SupportedTiers()) {
      TableFor(isa).glu(c.act, x.data(), nullptr, n, got.data());
      const int64_t i = FirstDifference(want, got);
      EXPECT_EQ(i, -1) << Name(isa) << " activation " << static_cast<int>(c.act) << " at x = " << x[i];
    }
  }
  std::ranges::transform(x, want.begin(), Sigmoid);
  for (Isa isa : SupportedTiers()) {
    TableFor(isa).sigmoid(x.data(), n, got.data());
    EXPECT_EQ(FirstDifference(want, got), -1) << Name(isa);
  }
}

}  // namespace
}  // namespace sluice::kernels
