// Packing: every tier gives the scalar one's bytes, of every type with a panel form, and touches nothing
// beside them.
#include "kernels/interleave.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

#include "kernels/checkasm/operands.h"
#include "kernels/panel_layout.h"

namespace sluice::kernels::checkasm {
namespace {

// Rows of random bytes, each ending where memory ends.
struct Source {
  std::vector<std::unique_ptr<Bytes>> rows;
  std::vector<float> scales;
  PanelRows panel_rows;
};

Source MakeSource(DType type, int64_t k, int rows, std::mt19937& random) {
  Source source;
  source.scales.resize(64);
  for (float& s : source.scales) s = static_cast<float>(random() % 1000) / 8;
  source.panel_rows.scale_stride = 2;
  for (int r = 0; r < rows; ++r) {
    std::vector<std::byte> bytes(static_cast<size_t>(*RowBytes(type, k)));
    for (std::byte& b : bytes) b = static_cast<std::byte>(random());
    source.rows.push_back(std::make_unique<Bytes>(bytes));
    source.panel_rows.row[r] = source.rows.back()->data();
    if (r % 3 != 0) source.panel_rows.scale[r] = source.scales.data() + r;
  }
  return source;
}

std::vector<std::byte> Pack(Isa isa, DType type, const PanelRows& rows, int64_t k) {
  Bytes out(static_cast<size_t>(PanelBytes(type, k)));
  std::memset(out.data(), 0xa5, static_cast<size_t>(PanelBytes(type, k)));
  PackPanelWith(isa, type, rows, k, out.data());
  EXPECT_TRUE(out.UntouchedBefore());
  return {out.data(), out.data() + PanelBytes(type, k)};
}

class InterleaveCheck : public testing::TestWithParam<DType> {};

TEST_P(InterleaveCheck, TiersGiveTheBytesOfTheScalarOne) {
  std::mt19937 random(3);
  const int64_t multiple = FindPanelFormat(GetParam())->k_multiple;
  for (int repeat = 0; repeat < 24; ++repeat) {
    const int64_t k = multiple * static_cast<int64_t>(1 + random() % (multiple == 1 ? 300 : 9));
    const int rows = repeat % 4 == 3 ? static_cast<int>(1 + random() % 15) : kPanelRows;
    const Source source = MakeSource(GetParam(), k, rows, random);
    const std::vector<std::byte> want = Pack(Isa::kScalar, GetParam(), source.panel_rows, k);
    for (Isa isa : SupportedTiers())
      ASSERT_EQ(Pack(isa, GetParam(), source.panel_rows, k), want)
          << kernels::Name(isa) << ", k " << k << ", " << rows << " rows";
  }
}

INSTANTIATE_TEST_SUITE_P(Types, InterleaveCheck, testing::ValuesIn(PanelTypes()),
                         [](const auto& info) { return std::string(sluice::Name(info.param)); });

TEST(InterleaveCheckTable, EveryTypeHasOneInEveryTier) {
  for (Isa isa : SupportedTiers())
    for (DType type : PanelTypes())
      EXPECT_EQ(FindInterleave(isa, type) != nullptr, isa != Isa::kScalar)
          << kernels::Name(isa) << " " << sluice::Name(type);
}

}  // namespace
}  // namespace sluice::kernels::checkasm
