// Every product of every tier against the scalar one, bit for bit; the scalar one against double precision.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/checkasm/products.h"

namespace sluice::kernels::checkasm {
namespace {

int64_t RandomK(DType type, std::mt19937& random) {
  const int multiple = FindPanelFormat(type)->k_multiple;
  return multiple == 1 ? 1 + static_cast<int64_t>(random() % 300)
                       : multiple * (1 + static_cast<int64_t>(random() % (multiple == 32 ? 20 : 4)));
}

class MatmulCheck : public testing::TestWithParam<DType> {
 protected:
  DType type() const { return GetParam(); }
  MatmulFn scalar() const { return TableFor(Isa::kScalar).Matmul(type()); }
};

TEST_P(MatmulCheck, TiersGiveTheBitsOfTheScalarOne) {
  std::mt19937 random(11);
  for (Fill fill : kFills)
    for (Values values : {Values::kNormal, Values::kExtremes, Values::kSpecial})
      for (size_t n : {size_t{1}, 2 + random() % 39}) {
        const int64_t k = RandomK(type(), random);
        const auto panel = MakePanel(type(), k, fill, random);
        const Rows x = MakeRows(type(), k, n, values, random);
        const Outputs want = Multiply(scalar(), *panel, k, x, InOrder(n));
        for (Isa isa : SupportedTiers())
          ExpectSame(
              Multiply(TableFor(isa).Matmul(type(), static_cast<int64_t>(n)), *panel, k, x, InOrder(n)), want,
              std::string(kernels::Name(isa)) + ", " + Name(fill) + ", k " + std::to_string(k));
      }
}

TEST_P(MatmulCheck, TokensDoNotDependOnTheirCompany) {
  std::mt19937 random(12);
  const int64_t k = RandomK(type(), random);
  const auto panel = MakePanel(type(), k, Fill::kRandom, random);
  const Rows x = MakeRows(type(), k, 40, Values::kNormal, random);
  for (Isa isa : SupportedTiers()) {
    const MatmulFn matmul = TableFor(isa).Matmul(type());
    Outputs alone;
    for (size_t t = 0; t < x.size(); ++t) {
      alone.push_back(std::make_unique<GuardedBuffer<float>>(kPanelRows));
      const std::byte* in = x[t]->data();
      float* out = alone.back()->data();
      matmul(panel->data(), k, &in, 1, &out);
    }
    for (size_t n = 1; n <= x.size(); ++n) {
      std::vector<int> order = InOrder(x.size());
      std::shuffle(order.begin(), order.end(), random);
      order.resize(n);
      const Outputs together = Multiply(matmul, *panel, k, x, order);
      for (int t : order)
        ASSERT_EQ(
            std::memcmp(together[static_cast<size_t>(t)]->data(), alone[static_cast<size_t>(t)]->data(), 64),
            0)
            << kernels::Name(isa) << ": token " << t << " among " << n;
    }
  }
}

// What a row of activations stands for.
std::vector<double> Values64(ActType type, Bytes& row, int64_t k) {
  std::vector<double> x(static_cast<size_t>(k));
  if (type == ActType::kF32) {
    for (int64_t i = 0; i < k; ++i) x[static_cast<size_t>(i)] = reinterpret_cast<const float*>(row.data())[i];
    return x;
  }
  const ActLayout at{k, BlockOf(type)};
  const auto* code = reinterpret_cast<const int8_t*>(row.data());
  const auto* scale = reinterpret_cast<const float*>(row.data() + at.scales_at());
  for (int64_t i = 0; i < k; ++i)
    x[static_cast<size_t>(i)] = static_cast<double>(scale[i / at.block]) * code[i];
  return x;
}

// The scalar product is within the rounding errors of its operands: every output passes through at most
// `roundings` roundings, each relative to the sum of the magnitudes of the terms.
TEST_P(MatmulCheck, ScalarIsTheProductOfTheWeights) {
  std::mt19937 random(13);
  for (Fill fill : {Fill::kRandom, Fill::kHighCodes, Fill::kTinyScales})
    for (Values values : {Values::kNormal, Values::kExtremes}) {
      const int64_t k = 3 * 256;
      const auto panel = MakePanel(type(), k, fill, random);
      const Rows x = MakeRows(type(), k, 3, values, random);
      const Outputs y = Multiply(scalar(), *panel, k, x, InOrder(3));
      std::vector<float> w(static_cast<size_t>(k));
      for (int r = 0; r < kPanelRows; ++r) {
        DecodePanelRow(type(), panel->data(), k, r, w.data());
        for (size_t t = 0; t < x.size(); ++t) {
          const std::vector<double> xt = Values64(FindPanelFormat(type())->activations, *x[t], k);
          double sum = 0, magnitude = 0;
          for (size_t i = 0; i < w.size(); ++i) {
            sum += w[i] * xt[i];
            magnitude += std::fabs(w[i] * xt[i]);
          }
          const double roundings = static_cast<double>(k) / 4 + 8;
          ASSERT_NEAR(y[t]->data()[r], sum, magnitude * roundings * 0x1p-23 + 1e-43)
              << Name(fill) << ", row " << r << ", token " << t;
        }
      }
    }
}

TEST(MatmulCheckTable, EveryPanelTypeHasAProductInEveryTier) {
  for (Isa isa : SupportedTiers())
    for (int i = 0; i <= static_cast<int>(DType::kQ2_0); ++i) {
      const auto type = static_cast<DType>(i);
      EXPECT_EQ(TableFor(isa).Matmul(type) != nullptr, FindPanelFormat(type) != nullptr)
          << kernels::Name(isa) << " " << sluice::Name(type);
    }
}

INSTANTIATE_TEST_SUITE_P(Types, MatmulCheck, testing::ValuesIn(PanelTypes()),
                         [](const auto& info) { return std::string(sluice::Name(info.param)); });

}  // namespace
}  // namespace sluice::kernels::checkasm
