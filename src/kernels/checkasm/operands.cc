#include "kernels/checkasm/operands.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/float16.h"
#include "kernels/panel.h"

namespace sluice::kernels::checkasm {
namespace {

// Where a block type keeps its 16-bit float scales; -1: none.
struct HalfAt {
  DType dtype;
  int first, second;
};
constexpr HalfAt kHalves[] = {
    {DType::kQ8_0, 0, -1},    {DType::kQ4_0, 0, -1},   {DType::kQ4_1, 0, 2},    {DType::kQ5_0, 0, -1},
    {DType::kQ5_1, 0, 2},     {DType::kIQ4_NL, 0, -1}, {DType::kQ2_K, 80, 82},  {DType::kQ3_K, 108, -1},
    {DType::kQ4_K, 0, 2},     {DType::kQ5_K, 0, 2},    {DType::kQ6_K, 208, -1}, {DType::kIQ4_XS, 0, -1},
    {DType::kIQ2_XXS, 0, -1}, {DType::kIQ2_XS, 0, -1}, {DType::kIQ2_S, 0, -1},  {DType::kIQ3_XXS, 0, -1},
    {DType::kIQ3_S, 0, -1},   {DType::kIQ1_S, 0, -1},  {DType::kTQ1_0, 52, -1}, {DType::kTQ2_0, 64, -1},
};

uint16_t MakeHalf(Fill fill, std::mt19937& random) {
  if (fill == Fill::kZeroScales) return 0;
  const auto sign = static_cast<uint16_t>(random() % 2 << 15);
  if (fill == Fill::kTinyScales) return static_cast<uint16_t>(sign | random() % 1024);
  return static_cast<uint16_t>(sign |
                               FloatToF16(0.001f + 0.01f * static_cast<float>(random() % 1000) / 1000));
}

void StoreHalf(std::byte* block, int at, Fill fill, std::mt19937& random) {
  if (at < 0) return;
  const uint16_t half = MakeHalf(fill, random);
  std::memcpy(block + at, &half, 2);
}

// The half scale of IQ1_M is spread over the top nibbles of its last four 16-bit words.
void StoreSpreadHalf(std::byte* block, Fill fill, std::mt19937& random) {
  const uint16_t half = MakeHalf(fill, random);
  for (int i = 0; i < 4; ++i) {
    std::byte& high = block[48 + 2 * i + 1];
    high = (high & std::byte{0x0f}) | static_cast<std::byte>((half >> 4 * i & 15) << 4);
  }
}

void SetScales(DType dtype, std::byte* block, Fill fill, std::mt19937& random) {
  for (const HalfAt& half : kHalves) {
    if (half.dtype != dtype) continue;
    StoreHalf(block, half.first, fill, random);
    StoreHalf(block, half.second, fill, random);
  }
  if (dtype == DType::kIQ1_M) StoreSpreadHalf(block, fill, random);
  if (dtype == DType::kMXFP4)
    block[0] = static_cast<std::byte>(
        fill == Fill::kTinyScales || fill == Fill::kZeroScales ? random() % 3 : 115 + random() % 10);
}

// Weights that are numbers themselves.
void SetFloats(DType dtype, std::byte* at, Fill fill, std::mt19937& random) {
  float value = std::normal_distribution<float>(0, 0.05f)(random);
  if (fill == Fill::kZeroScales || fill == Fill::kLowCodes) value = 0;
  if (fill == Fill::kTinyScales) value *= dtype == DType::kF16 ? 1e-4f : 1e-37f;
  const uint16_t f16 = FloatToF16(value), bf16 = FloatToBf16(value);
  if (dtype == DType::kF32) std::memcpy(at, &value, 4);
  if (dtype == DType::kF16) std::memcpy(at, &f16, 2);
  if (dtype == DType::kBF16) std::memcpy(at, &bf16, 2);
  if (dtype == DType::kF8E4M3 && fill == Fill::kTinyScales) *at = static_cast<std::byte>(random() & 0x87);
  if (dtype == DType::kF8E4M3 && (*at & std::byte{0x7f}) == std::byte{0x7f})
    *at = std::byte{0xfe};  // NaN to -448
}

std::byte MakeByte(Fill fill, std::mt19937& random) {
  if (fill == Fill::kLowCodes) return std::byte{0};
  if (fill == Fill::kHighCodes) return std::byte{0xff};
  return static_cast<std::byte>(random());
}

}  // namespace

std::vector<DType> PanelTypes() {
  std::vector<DType> types;
  for (int i = 0; i <= static_cast<int>(DType::kQ2_0); ++i)
    if (FindPanelFormat(static_cast<DType>(i))) types.push_back(static_cast<DType>(i));
  return types;
}

std::string Name(Fill fill) {
  constexpr const char* kNames[] = {"random",      "low codes",   "high codes",
                                    "zero scales", "tiny scales", "hostile"};
  return kNames[static_cast<int>(fill)];
}

std::unique_ptr<Bytes> MakePanel(DType dtype, int64_t k, Fill fill, std::mt19937& random) {
  const int bytes = Info(dtype).block_bytes;
  const int64_t row_bytes = *RowBytes(dtype, k);
  std::vector<std::byte> data(static_cast<size_t>(row_bytes) * kPanelRows);
  for (std::byte& b : data) b = MakeByte(fill, random);
  if (fill != Fill::kHostile)
    for (size_t at = 0; at < data.size(); at += static_cast<size_t>(bytes)) {
      if (Info(dtype).block_size == 1)
        SetFloats(dtype, &data[at], fill, random);
      else
        SetScales(dtype, &data[at], fill, random);
    }
  std::vector<float> scales(static_cast<size_t>(k / 128 + 1) * kPanelRows);
  for (float& scale : scales) scale = std::normal_distribution<float>(0, 0.1f)(random);
  PanelRows rows;
  for (int r = 0; r < kPanelRows; ++r) {
    rows.row[r] = data.data() + r * row_bytes;
    rows.scale[r] = scales.data() + r * (k / 128 + 1);
  }
  auto panel = std::make_unique<Bytes>(static_cast<size_t>(PanelBytes(dtype, k)));
  PackPanel(dtype, rows, k, panel->data());
  return panel;
}

std::vector<float> MakeValues(int64_t k, Values values, std::mt19937& random) {
  std::vector<float> x(static_cast<size_t>(k));
  std::normal_distribution<float> normal(0, 1);
  for (float& v : x) v = values == Values::kExtremes ? (random() % 2 ? 2.0f : -2.0f) : normal(random);
  if (values != Values::kSpecial) return x;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float special[] = {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN(),
                           3e38f,     1e-45f,     0x1p-119f};
  for (size_t block = 0; block < x.size(); block += 32) {
    const size_t kind = random() % 10, end = std::min(x.size(), block + 32);
    for (size_t i = block; i < end; ++i) {
      if (kind == 0) x[i] = 0;
      if (kind == 1) x[i] *= 0x1p-122f;
    }
    if (kind >= 8) x[block + random() % (end - block)] = special[random() % 6];
  }
  return x;
}

std::unique_ptr<Bytes> MakeActivations(ActType type, const std::vector<float>& x) {
  const auto k = static_cast<int64_t>(x.size());
  auto row = std::make_unique<Bytes>(static_cast<size_t>(ActRowBytes(type, k)));
  const Table& table = TableFor(Isa::kScalar);
  switch (type) {
    case ActType::kF32:
      std::memcpy(row->data(), x.data(), x.size() * sizeof(float));
      break;
    case ActType::kQ8x32:
      table.quantize_q8x32(x.data(), k, row->data());
      break;
    case ActType::kQ8x256:
      table.quantize_q8x256(x.data(), k, row->data());
      break;
    case ActType::kQ8x32Twice:  // no format's own
      break;
  }
  return row;
}

}  // namespace sluice::kernels::checkasm
