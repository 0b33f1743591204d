#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/blocks.h"

namespace sluice::kernels {
namespace {

constexpr int64_t kElements = 256 * 64;

std::vector<float> Gaussian(unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  std::vector<float> x(kElements);
  for (float& v : x) v = normal(generator);
  return x;
}

std::vector<float> RoundTrip(DType dtype, const std::vector<float>& x, const float* importance = nullptr) {
  const int64_t n = static_cast<int64_t>(x.size());
  std::vector<std::byte> bytes(static_cast<size_t>(*RowBytes(dtype, n)));
  EncodeRow(dtype, x.data(), n, bytes.data(), importance);
  std::vector<float> y(x.size());
  DecodeRow(dtype, bytes.data(), n, y.data());
  return y;
}

double RelativeRms(const std::vector<float>& x, const std::vector<float>& y, size_t first = 0,
                   size_t step = 1) {
  double error = 0, size = 0;
  for (size_t i = first; i < x.size(); i += step) {
    error += std::pow(x[i] - y[i], 2);
    size += std::pow(x[i], 2);
  }
  return std::sqrt(error / size);
}

struct Bound {
  DType dtype;
  double rms;  // relative, of Gaussian data
};

// What ggml's own search reaches on the same distribution, to be undercut.
constexpr Bound kSearched[] = {{DType::kQ2_K, 0.2959},  {DType::kQ3_K, 0.1507}, {DType::kQ4_K, 0.0711},
                               {DType::kQ5_K, 0.0360},  {DType::kQ6_K, 0.0177}, {DType::kIQ4_NL, 0.0760},
                               {DType::kIQ4_XS, 0.0766}};

TEST(EncodeBlocks, LosesLessThanTheUsualSearch) {
  const std::vector<float> x = Gaussian(1);
  for (const Bound& bound : kSearched)
    EXPECT_LT(RelativeRms(x, RoundTrip(bound.dtype, x)), bound.rms) << Name(bound.dtype);
}

TEST(EncodeBlocks, FollowsImportance) {
  const std::vector<float> x = Gaussian(2);
  std::vector<float> importance(x.size());
  for (size_t i = 0; i < x.size(); ++i) importance[i] = i % 8 == 0 ? 100.0f : 1.0f;
  for (const Bound& bound : kSearched) {
    const double plain = RelativeRms(x, RoundTrip(bound.dtype, x), 0, 8);
    const double favoured = RelativeRms(x, RoundTrip(bound.dtype, x, importance.data()), 0, 8);
    EXPECT_LT(favoured, plain) << Name(bound.dtype);
  }
}

std::vector<DType> Encodable() {
  std::vector<DType> types;
  for (int i = 0; i <= static_cast<int>(DType::kQ2_0); ++i)
    if (CanEncode(static_cast<DType>(i))) types.push_back(static_cast<DType>(i));
  return types;
}

TEST(EncodeBlocks, KeepsZeros) {
  const std::vector<float> zeros(kElements, 0.0f);
  for (DType dtype : Encodable())
    for (float v : RoundTrip(dtype, zeros)) ASSERT_EQ(v, 0.0f) << Name(dtype);
}

TEST(EncodeBlocks, KeepsConstantsOfEitherSign) {
  for (float constant : {0.5f, -0.5f}) {
    const std::vector<float> x(kElements, constant);
    for (DType dtype : Encodable())
      EXPECT_LT(RelativeRms(x, RoundTrip(dtype, x)), 0.01) << Name(dtype) << " " << constant;
  }
}

TEST(EncodeBlocks, KeepsValuesWhoseScaleIsBarelyAHalf) {
  const std::vector<float> x(kElements, 3e-5f);
  for (const Bound& bound : kSearched)
    EXPECT_LT(RelativeRms(x, RoundTrip(bound.dtype, x)), 0.05) << Name(bound.dtype);
}

TEST(EncodeBlocks, StaysFiniteOnHugeTinyAndBrokenInput) {
  std::vector<float> x = Gaussian(3);
  for (size_t i = 0; i < 256; ++i) {
    x[i] *= 1e30f;
    x[256 + i] *= 1e-30f;
  }
  x[600] = std::numeric_limits<float>::quiet_NaN();
  x[900] = std::numeric_limits<float>::infinity();
  for (const Bound& bound : kSearched) {
    const std::vector<float> y = RoundTrip(bound.dtype, x);
    for (size_t i = 0; i < y.size(); ++i) ASSERT_TRUE(std::isfinite(y[i])) << Name(bound.dtype) << " " << i;
  }
}

}  // namespace
}  // namespace sluice::kernels
