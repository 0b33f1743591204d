// Panels: every weight comes out as the block type's definition says, from random bytes.
#include "kernels/panel.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/blocks.h"

namespace sluice::kernels {
namespace {

std::vector<DType> PanelTypes() {
  std::vector<DType> types;
  for (int i = 0; i <= static_cast<int>(DType::kQ2_0); ++i)
    if (FindPanelFormat(static_cast<DType>(i))) types.push_back(static_cast<DType>(i));
  return types;
}

class PanelTest : public testing::TestWithParam<DType> {};

// NaNs may differ in their payload.
bool SameFloat(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

TEST_P(PanelTest, DecodesAsTheBlockTypeDoes) {
  const DType type = GetParam();
  const int64_t k = 768, row_bytes = *RowBytes(type, k);
  std::mt19937 random(7);
  std::vector<std::byte> rows(static_cast<size_t>(row_bytes) * 15);
  for (std::byte& b : rows) b = static_cast<std::byte>(random());
  PanelRows source;  // row 15 is padding
  for (int r = 0; r < 15; ++r) source.row[r] = rows.data() + r * row_bytes;

  std::vector<std::byte> panel(static_cast<size_t>(PanelBytes(type, k)), std::byte{0xee});
  PackPanel(type, source, k, panel.data());
  std::vector<float> got(k), want(k);
  for (int r = 0; r < 15; ++r) {
    DecodePanelRow(type, panel.data(), k, r, got.data());
    DecodeRow(type, source.row[r], k, want.data());
    for (int64_t i = 0; i < k; ++i)
      ASSERT_TRUE(SameFloat(got[i], want[i]))
          << "row " << r << " k " << i << ": " << got[i] << " " << want[i];
  }
  DecodePanelRow(type, panel.data(), k, 15, got.data());
  for (int64_t i = 0; i < k; ++i) ASSERT_EQ(std::fabs(got[i]), 0.0f) << i;
}

TEST_P(PanelTest, HoldsNoMoreThanTheFileDoes) {
  const int64_t k = 2048;
  EXPECT_LE(PanelBytes(GetParam(), k), *RowBytes(GetParam(), k) * kPanelRows + 64 * 16);
  EXPECT_EQ(PanelBytes(GetParam(), k) % 64, 0);
}

INSTANTIATE_TEST_SUITE_P(Types, PanelTest, testing::ValuesIn(PanelTypes()),
                         [](const auto& info) { return std::string(Name(info.param)); });

TEST(Panel, ScalesOfF8AreRead) {
  const int64_t k = 300;
  std::vector<std::byte> row(k, std::byte{0x38});  // 1.0
  const float scales[] = {2, -1, 3, -1, 0.5f};     // stride 2: 2, 3, 0.5
  PanelRows rows;
  rows.row[4] = row.data();
  rows.scale[4] = scales;
  rows.scale_stride = 2;
  std::vector<std::byte> panel(static_cast<size_t>(PanelBytes(DType::kF8E4M3, k)));
  PackPanel(DType::kF8E4M3, rows, k, panel.data());
  std::vector<float> out(k);
  DecodePanelRow(DType::kF8E4M3, panel.data(), k, 4, out.data());
  EXPECT_EQ(out[0], 2.0f);
  EXPECT_EQ(out[127], 2.0f);
  EXPECT_EQ(out[128], 3.0f);
  EXPECT_EQ(out[299], 0.5f);
}

}  // namespace
}  // namespace sluice::kernels
