// The specification of the 8-bit activation rows.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/activation_row.h"
#include "kernels/tiers.h"

namespace sluice::kernels {
namespace {

// A block whose largest magnitude is below kTinyBlock counts as zeros: 127 / max would overflow near it.
// A block that holds an infinity or NaN gets the scale NaN, so that products with it are NaN too.
template <int kBlock>
void QuantizeBlock(const float* x, int8_t* code, float* scale) {
  uint32_t max_bits = 0;  // magnitudes compare as their bits do
  for (int i = 0; i < kBlock; ++i) max_bits = std::max(max_bits, std::bit_cast<uint32_t>(x[i]) & 0x7fffffffu);
  const float max = std::bit_cast<float>(max_bits);
  const bool finite = max_bits < 0x7f800000u, usable = finite && max >= kTinyBlock;
  *scale = usable ? max / 127.0f : finite ? 0.0f : std::numeric_limits<float>::quiet_NaN();
  const float inverse = 127.0f / max;
  for (int i = 0; i < kBlock; ++i) code[i] = usable ? static_cast<int8_t>(std::lrintf(x[i] * inverse)) : 0;
}

template <int kBlock>
void Quantize(const float* x, int64_t k, std::byte* out) {
  const ActLayout at{k, kBlock};
  auto* code = reinterpret_cast<int8_t*>(out);
  auto* scale = reinterpret_cast<float*>(out + at.scales_at());
  auto* sum = reinterpret_cast<int16_t*>(out + at.sums_at());
  for (int64_t b = 0; b < k / kBlock; ++b)
    QuantizeBlock<kBlock>(x + b * kBlock, code + b * kBlock, scale + b);
  for (int64_t g = 0; g < k / 16; ++g) {
    int total = 0;
    for (int i = 0; i < 16; ++i) total += code[16 * g + i];
    sum[g] = static_cast<int16_t>(total);
  }
  if (kBlock != 256) return;
  auto* sum32 = reinterpret_cast<int16_t*>(out + at.sums32_at());
  for (int64_t g = 0; g < k / 32; ++g) sum32[g] = static_cast<int16_t>(sum[2 * g] + sum[2 * g + 1]);
}

}  // namespace

void FillActivationRowScalar(Table& table) {
  table.quantize_q8x32 = Quantize<32>;
  table.quantize_q8x256 = Quantize<256>;
}

}  // namespace sluice::kernels
