// The block types' bytes, as files hold them: little-endian, no padding, any alignment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/dtype.h"
#include "base/float16.h"

namespace sluice::kernels::blocks {

inline constexpr int kSuper = 256;  // elements of a super-block (K, IQ and TQ types)

struct U16 {
  uint8_t byte[2];
  uint16_t value() const { return static_cast<uint16_t>(byte[0] | byte[1] << 8); }
  void set(uint16_t v) {
    byte[0] = static_cast<uint8_t>(v);
    byte[1] = static_cast<uint8_t>(v >> 8);
  }
};

struct U32 {
  uint8_t byte[4];
  uint32_t value() const {
    return uint32_t{byte[0]} | uint32_t{byte[1]} << 8 | uint32_t{byte[2]} << 16 | uint32_t{byte[3]} << 24;
  }
  void set(uint32_t v) {
    for (int i = 0; i < 4; ++i) byte[i] = static_cast<uint8_t>(v >> 8 * i);
  }
};

struct Half {
  U16 bits;
  float value() const { return F16ToFloat(bits.value()); }
  void set(float v) { bits.set(FloatToF16(v)); }
};

// 32 elements. In the 4- and 5-bit types the low nibble of q[j] is element j, the high one element j + 16.

// d * (code - 8)
struct Q4_0 {
  Half d;
  uint8_t q[16];
};
// d * code + m
struct Q4_1 {
  Half d, m;
  uint8_t q[16];
};
// d * (code - 16); bit j of high is element j's
struct Q5_0 {
  Half d;
  U32 high;
  uint8_t q[16];
};
// d * code + m
struct Q5_1 {
  Half d, m;
  U32 high;
  uint8_t q[16];
};
// d * code, signed
struct Q8_0 {
  Half d;
  uint8_t q[32];
};
// d * code; sum = d * (sum of codes)
struct Q8_1 {
  Half d, sum;
  uint8_t q[32];
};
// d * level(code)
struct IQ4_NL {
  Half d;
  uint8_t q[16];
};
// 2^(e - 127) * e2m1(code)
struct MXFP4 {
  uint8_t e;
  uint8_t q[16];
};
// 64 elements: four sub-blocks of 16, unsigned E4M3 scales; low nibbles of a sub-block's 8 bytes come first.
struct NVFP4 {
  uint8_t d[4];
  uint8_t q[32];
};
// 128 elements: bit ? d : -d
struct Q1_0 {
  Half d;
  uint8_t q[16];
};
// 64 elements: d * (code - 1)
struct Q2_0 {
  Half d;
  uint8_t q[16];
};

// 256 elements. K types: sub-scales are integers; Q2_K has 16 scale/min pairs of 4 bits, Q4_K and Q5_K eight
// pairs of 6 bits, Q3_K sixteen scales of 6 bits (minus 32), Q6_K sixteen signed bytes.
struct Q2_K {
  uint8_t scales[16];
  uint8_t q[64];
  Half d, dmin;
};
struct Q3_K {
  uint8_t high[32];
  uint8_t q[64];
  uint8_t scales[12];
  Half d;
};
struct Q4_K {
  Half d, dmin;
  uint8_t scales[12];
  uint8_t q[128];
};
struct Q5_K {
  Half d, dmin;
  uint8_t scales[12];
  uint8_t high[32];
  uint8_t q[128];
};
struct Q6_K {
  uint8_t low[128];
  uint8_t high[64];
  uint8_t scales[16];
  Half d;
};
// d is a float
struct Q8_K {
  U32 d;
  uint8_t q[256];
  U16 sums[16];
};
struct IQ4_XS {
  Half d;
  U16 scales_high;
  uint8_t scales_low[4];
  uint8_t q[128];
};

// Codebook types: indices of groups of 8 (IQ1, IQ2) or 4 (IQ3) magnitudes, and signs.

// 4 x 7 sign bits, 4 scale bits
struct IQ2_XXS {
  Half d;
  struct {
    uint8_t index[4];
    U32 signs_scale;
  } part[8];
};
// 9 index bits, 7 sign bits
struct IQ2_XS {
  Half d;
  U16 q[32];
  uint8_t scales[8];
};
struct IQ2_S {
  Half d;
  uint8_t q[32];
  uint8_t signs[32];
  uint8_t high[8];
  uint8_t scales[8];
};
struct IQ3_XXS {
  Half d;
  uint8_t q[64];
  U32 signs_scale[8];
};
struct IQ3_S {
  Half d;
  uint8_t q[64];
  uint8_t high[8];
  uint8_t signs[32];
  uint8_t scales[4];
};
// 4 x 3 index bits, 3 scale bits, 1 sign of the shift
struct IQ1_S {
  Half d;
  uint8_t q[32];
  U16 high[8];
};
// the half scale is in the top nibbles of scales
struct IQ1_M {
  uint8_t q[32];
  uint8_t high[16];
  U16 scales[4];
};

// Ternary: TQ1_0 five digits of base 3 per byte, TQ2_0 two bits each.
struct TQ1_0 {
  uint8_t q[48];
  uint8_t last[4];
  Half d;
};
struct TQ2_0 {
  uint8_t q[64];
  Half d;
};

// Scale and minimum of sub-block j (0..7) of Q4_K and Q5_K: 6 bits each, packed into 12 bytes.
struct ScaleMin {
  int scale, min;
};
inline ScaleMin GetScaleMin(const uint8_t* packed, int j) {
  if (j < 4) return {packed[j] & 63, packed[j + 4] & 63};
  return {(packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4, (packed[j + 4] >> 4) | (packed[j] >> 6) << 4};
}

// Scale of sub-block j (0..15) of Q3_K, -32..31.
inline int GetScaleQ3(const uint8_t* packed, int j) {
  const int low = j < 8 ? packed[j] & 15 : packed[j - 8] >> 4;
  return (low | (packed[8 + j % 4] >> 2 * (j / 4) & 3) << 4) - 32;
}

// Scale of sub-block j (0..7) of IQ4_XS, -32..31.
inline int GetScaleIQ4(const IQ4_XS& b, int j) {
  const int low = b.scales_low[j / 2] >> 4 * (j % 2) & 15;
  return (low | (b.scales_high.value() >> 2 * j & 3) << 4) - 32;
}

// MXFP4 codes are looked up in doubled values, so the scale is halved: 2^(e - 128), exact, subnormal below e
// = 2.
inline float MxHalfScale(uint8_t e) {
  return std::bit_cast<float>(e < 2 ? 0x00200000u << e : (uint32_t{e} - 1) << 23);
}

}  // namespace sluice::kernels::blocks
