#include "convert/random_blocks.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "kernels/blocks.h"
#include "kernels/blocks/layouts.h"

namespace sluice::convert {
namespace {

using namespace kernels::blocks;  // NOLINT: layouts by their names

void SetScale(IQ1_M& b, float scale) {
  const uint16_t half = FloatToF16(scale);
  for (int i = 0; i < 4; ++i)
    b.scales[i].set(static_cast<uint16_t>((b.scales[i].value() & 0x0fff) | (half >> 4 * i & 15) << 12));
}

void SetScale(NVFP4& b, float scale) {  // unsigned E4M3: below 2^-6 in steps of 2^-9
  const int exponent = std::clamp(std::ilogb(scale) + 7, 0, 14);
  const float eighths = exponent == 0 ? scale * 512 : (scale / std::ldexp(1.0f, exponent - 7) - 1.0f) * 8;
  const int mantissa = std::clamp(static_cast<int>(std::lround(eighths)), exponent == 0 ? 1 : 0, 7);
  for (uint8_t& d : b.d) d = static_cast<uint8_t>(exponent << 3 | mantissa);
}

template <typename Block>
void SetScale(Block& b, float scale) {
  b.d.set(scale);
}

// Values are proportional to the block's scale: measure at scale 1, then set what gives `rms`.
template <typename Block>
void Scale(DType dtype, std::span<std::byte> bytes, float rms) {
  const int64_t blocks = static_cast<int64_t>(bytes.size() / sizeof(Block));
  const int64_t elements = blocks * Info(dtype).block_size;
  auto* block = reinterpret_cast<Block*>(bytes.data());
  for (int64_t i = 0; i < blocks; ++i) SetScale(block[i], 1.0f);
  std::vector<float> values(static_cast<size_t>(elements));
  kernels::DecodeRow(dtype, bytes.data(), elements, values.data());
  double sum = 0;
  for (float v : values) sum += double{v} * v;
  const double measured = std::sqrt(sum / static_cast<double>(elements));
  for (int64_t i = 0; i < blocks; ++i) SetScale(block[i], static_cast<float>(rms / measured));
}

void ScaleCodes(DType dtype, std::span<std::byte> bytes, float rms) {
  switch (dtype) {
    case DType::kQ8_1:
      return Scale<Q8_1>(dtype, bytes, rms);
    case DType::kIQ2_XXS:
      return Scale<IQ2_XXS>(dtype, bytes, rms);
    case DType::kIQ2_XS:
      return Scale<IQ2_XS>(dtype, bytes, rms);
    case DType::kIQ2_S:
      return Scale<IQ2_S>(dtype, bytes, rms);
    case DType::kIQ3_XXS:
      return Scale<IQ3_XXS>(dtype, bytes, rms);
    case DType::kIQ3_S:
      return Scale<IQ3_S>(dtype, bytes, rms);
    case DType::kIQ1_S:
      return Scale<IQ1_S>(dtype, bytes, rms);
    case DType::kIQ1_M:
      return Scale<IQ1_M>(dtype, bytes, rms);
    case DType::kNVFP4:
      return Scale<NVFP4>(dtype, bytes, rms);
    case DType::kQ1_0:
      return Scale<Q1_0>(dtype, bytes, rms);
    case DType::kQ2_0:
      return Scale<Q2_0>(dtype, bytes, rms);
    default:
      return;
  }
}

}  // namespace

std::vector<std::byte> RandomBlocks(DType dtype, int64_t elements, float rms, Random& random) {
  std::vector<std::byte> bytes(static_cast<size_t>(*RowBytes(dtype, elements)));
  if (kernels::CanEncode(dtype)) {
    std::vector<float> values(static_cast<size_t>(elements));
    const bool ternary = dtype == DType::kTQ1_0 || dtype == DType::kTQ2_0;
    const float step = rms * std::sqrt(1.5f);  // of values -1, 0, 1
    for (float& v : values)
      v = ternary ? step * (static_cast<float>(random.Below(3)) - 1.0f) : rms * random.Normal();
    kernels::EncodeRow(dtype, values.data(), elements, bytes.data());
    return bytes;
  }
  for (std::byte& b : bytes) b = static_cast<std::byte>(random.Next());
  ScaleCodes(dtype, bytes, rms);
  return bytes;
}

}  // namespace sluice::convert
