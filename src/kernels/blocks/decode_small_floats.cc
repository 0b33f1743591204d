// FP4 blocks, ternary and the 1- and 2-bit types.
#include "kernels/blocks/codebooks.h"
#include "kernels/blocks/decoders.h"

namespace sluice::kernels::blocks {
namespace {

// Half of an unsigned E4M3 number (the levels are doubled). 0x7f, its NaN, counts as zero.
float HalfOfUE4M3(uint8_t bits) {
  if (bits == 0x7f) return 0.0f;
  const int exponent = bits >> 3 & 15, mantissa = bits & 7;
  if (exponent == 0) return static_cast<float>(mantissa) * 0x1p-10f;
  return std::bit_cast<float>(static_cast<uint32_t>(exponent - 8 + 127) << 23 |
                              static_cast<uint32_t>(mantissa) << 20);
}

// Digit k of a byte that holds five base-3 digits as a binary fraction of 256, most significant first.
float TernaryDigit(uint8_t byte, int k) {
  constexpr uint8_t kPowers[] = {1, 3, 9, 27, 81};
  const uint8_t fraction = static_cast<uint8_t>(byte * kPowers[k]);
  return static_cast<float>((fraction * 3 >> 8) - 1);
}

}  // namespace

void Decode(const MXFP4& b, float* out) {
  const float d = MxHalfScale(b.e);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>(kLevelsE2M1[b.q[j] & 15]);
    out[j + 16] = d * static_cast<float>(kLevelsE2M1[b.q[j] >> 4]);
  }
}

void Decode(const NVFP4& b, float* out) {
  for (int sub = 0; sub < 4; ++sub) {
    const float d = HalfOfUE4M3(b.d[sub]);
    for (int j = 0; j < 8; ++j) {
      const uint8_t q = b.q[8 * sub + j];
      out[16 * sub + j] = d * static_cast<float>(kLevelsE2M1[q & 15]);
      out[16 * sub + 8 + j] = d * static_cast<float>(kLevelsE2M1[q >> 4]);
    }
  }
}

void Decode(const TQ1_0& b, float* out) {
  const float d = b.d.value();
  for (int k = 0; k < 5; ++k) {
    for (int l = 0; l < 32; ++l) out[32 * k + l] = d * TernaryDigit(b.q[l], k);
    for (int l = 0; l < 16; ++l) out[160 + 16 * k + l] = d * TernaryDigit(b.q[32 + l], k);
  }
  for (int k = 0; k < 4; ++k)
    for (int l = 0; l < 4; ++l) out[240 + 4 * k + l] = d * TernaryDigit(b.last[l], k);
}

void Decode(const TQ2_0& b, float* out) {
  const float d = b.d.value();
  for (int j = 0; j < kSuper; ++j) {
    const int code = b.q[32 * (j / 128) + j % 32] >> 2 * (j / 32 % 4) & 3;
    out[j] = d * static_cast<float>(code - 1);
  }
}

void Decode(const Q1_0& b, float* out) {
  const float d = b.d.value();
  for (int j = 0; j < 128; ++j) out[j] = b.q[j / 8] >> j % 8 & 1 ? d : -d;
}

void Decode(const Q2_0& b, float* out) {
  const float d = b.d.value();
  for (int j = 0; j < 64; ++j) out[j] = d * static_cast<float>((b.q[j / 4] >> 2 * (j % 4) & 3) - 1);
}

}  // namespace sluice::kernels::blocks
