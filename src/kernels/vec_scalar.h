// Sixteen float lanes in plain C++: the specification of vec_avx2.h and vec_avx512.h. For tier files only.
#pragma once

#include <cstdint>

#include "base/float16.h"
#include "kernels/math.h"

namespace sluice::kernels {
namespace {

// Register blocking of attention: heads and vectors at once (attention_kernels.h).
constexpr int kScoreHeads = 1, kScoreVecs = 1, kValueHeads = 1, kValueVecs = 1;
constexpr int kLatentKeys = 1, kLatentHeadVecs = 1;
constexpr int kDeltaVecs = 1;  // columns of a state at once (delta_kernels.h)

struct F32x16 {
  float v[16];
  static SLUICE_INLINE F32x16 All(float x) {
    F32x16 r;
    for (float& lane : r.v) lane = x;
    return r;
  }
};

struct Mask16 {
  bool v[16];
};

template <class F>
SLUICE_INLINE F32x16 Lanes(F f) {
  F32x16 r;
  for (int i = 0; i < 16; ++i) r.v[i] = f(i);
  return r;
}

SLUICE_INLINE F32x16 operator+(const F32x16& a, const F32x16& b) {
  return Lanes([&](int i) { return a.v[i] + b.v[i]; });
}
SLUICE_INLINE F32x16 operator-(const F32x16& a, const F32x16& b) {
  return Lanes([&](int i) { return a.v[i] - b.v[i]; });
}
SLUICE_INLINE F32x16 operator*(const F32x16& a, const F32x16& b) {
  return Lanes([&](int i) { return a.v[i] * b.v[i]; });
}
SLUICE_INLINE F32x16 operator/(const F32x16& a, const F32x16& b) {
  return Lanes([&](int i) { return a.v[i] / b.v[i]; });
}
// a * b + c, rounded once.
SLUICE_INLINE F32x16 Fma(const F32x16& a, const F32x16& b, const F32x16& c) {
  return Lanes([&](int i) { return __builtin_fmaf(a.v[i], b.v[i], c.v[i]); });
}
// Of two equal numbers, or if one is NaN, the second.
SLUICE_INLINE F32x16 Max(const F32x16& a, const F32x16& b) {
  return Lanes([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
SLUICE_INLINE F32x16 Min(const F32x16& a, const F32x16& b) {
  return Lanes([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
}
SLUICE_INLINE F32x16 Abs(const F32x16& x) {
  return Lanes([&](int i) { return lane::CopySign(x.v[i], 0.0f); });
}
SLUICE_INLINE F32x16 CopySign(const F32x16& x, const F32x16& sign) {
  return Lanes([&](int i) { return lane::CopySign(x.v[i], sign.v[i]); });
}
// x * 2^n, rounded once, for x near 1 and a whole n in [-150, 128].
SLUICE_INLINE F32x16 Scale2(const F32x16& x, const F32x16& n) {
  return Lanes([&](int i) { return lane::Scale2(x.v[i], n.v[i]); });
}

SLUICE_INLINE Mask16 Less(const F32x16& a, const F32x16& b) {
  Mask16 r;
  for (int i = 0; i < 16; ++i) r.v[i] = a.v[i] < b.v[i];
  return r;
}
SLUICE_INLINE Mask16 IsNan(const F32x16& x) {
  Mask16 r;
  for (int i = 0; i < 16; ++i) r.v[i] = x.v[i] != x.v[i];
  return r;
}
// Lanes [lo, hi).
SLUICE_INLINE Mask16 LaneRange(int lo, int hi) {
  Mask16 r;
  for (int i = 0; i < 16; ++i) r.v[i] = i >= lo && i < hi;
  return r;
}
SLUICE_INLINE F32x16 Select(const Mask16& mask, const F32x16& yes, const F32x16& no) {
  return Lanes([&](int i) { return mask.v[i] ? yes.v[i] : no.v[i]; });
}

// Elements are floats, F16 as uint16_t, BF16 as BFloat16, or whole numbers as int8_t. Part: the first n lanes
// touch memory, the others load as 0.
struct BFloat16 {
  uint16_t bits;
};
SLUICE_INLINE F32x16 Load(const float* p) {
  return Lanes([&](int i) { return p[i]; });
}
SLUICE_INLINE F32x16 Load(const uint16_t* p) {
  return Lanes([&](int i) { return F16ToFloat(p[i]); });
}
SLUICE_INLINE F32x16 Load(const BFloat16* p) {
  return Lanes([&](int i) { return Bf16ToFloat(p[i].bits); });
}
SLUICE_INLINE F32x16 Load(const int8_t* p) {
  return Lanes([&](int i) { return static_cast<float>(p[i]); });
}
SLUICE_INLINE F32x16 LoadPart(const float* p, int n) {
  return Lanes([&](int i) { return i < n ? p[i] : 0.0f; });
}
SLUICE_INLINE F32x16 LoadPart(const uint16_t* p, int n) {
  return Lanes([&](int i) { return i < n ? F16ToFloat(p[i]) : 0.0f; });
}
SLUICE_INLINE F32x16 LoadPart(const BFloat16* p, int n) {
  return Lanes([&](int i) { return i < n ? Bf16ToFloat(p[i].bits) : 0.0f; });
}
SLUICE_INLINE F32x16 LoadPart(const int8_t* p, int n) {
  return Lanes([&](int i) { return i < n ? static_cast<float>(p[i]) : 0.0f; });
}
SLUICE_INLINE void StorePart(float* p, int n, const F32x16& x) {
  for (int i = 0; i < n; ++i) p[i] = x.v[i];
}
SLUICE_INLINE void Store(float* p, const F32x16& x) { StorePart(p, 16, x); }
// Rounds to nearest, ties to even.
SLUICE_INLINE void StorePart(uint16_t* p, int n, const F32x16& x) {
  for (int i = 0; i < n; ++i) p[i] = FloatToF16(x.v[i]);
}
SLUICE_INLINE void Store(uint16_t* p, const F32x16& x) { StorePart(p, 16, x); }

// The 32 floats of a and b: those at even and at odd places, and the two back in their order.
SLUICE_INLINE F32x16 Evens(const F32x16& a, const F32x16& b) {
  return Lanes([&](int i) { return i < 8 ? a.v[2 * i] : b.v[2 * i - 16]; });
}
SLUICE_INLINE F32x16 Odds(const F32x16& a, const F32x16& b) {
  return Lanes([&](int i) { return i < 8 ? a.v[2 * i + 1] : b.v[2 * i - 15]; });
}
SLUICE_INLINE F32x16 ZipLow(const F32x16& even, const F32x16& odd) {
  return Lanes([&](int i) { return i % 2 == 0 ? even.v[i / 2] : odd.v[i / 2]; });
}
SLUICE_INLINE F32x16 ZipHigh(const F32x16& even, const F32x16& odd) {
  return Lanes([&](int i) { return i % 2 == 0 ? even.v[8 + i / 2] : odd.v[8 + i / 2]; });
}

// Across lanes: lane i with lane i + 8, then 4, 2, 1.
SLUICE_INLINE float Sum(F32x16 x) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) x.v[i] = x.v[i] + x.v[i + half];
  }
  return x.v[0];
}
SLUICE_INLINE float MaxOf(F32x16 x) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) x.v[i] = x.v[i] > x.v[i + half] ? x.v[i] : x.v[i + half];
  }
  return x.v[0];
}

}  // namespace
}  // namespace sluice::kernels
