// Sixteen float lanes in one 512-bit register; vec_scalar.h says what each operation does. For tier files
// only.
#pragma once

// GCC 12 warns of its own _mm512_undefined_ps.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include <cstdint>

#include "kernels/math.h"

namespace sluice::kernels {
namespace {

// Register blocking of attention: heads and vectors at once (attention_kernels.h).
constexpr int kScoreHeads = 8, kScoreVecs = 2, kValueHeads = 4, kValueVecs = 4;
constexpr int kLatentKeys = 8, kLatentHeadVecs = 2;
constexpr int kDeltaVecs = 8;  // columns of a state at once (delta_kernels.h)

struct F32x16 {
  __m512 v;
  static SLUICE_INLINE F32x16 All(float x) { return {_mm512_set1_ps(x)}; }
};

struct Mask16 {
  __mmask16 v;
};

SLUICE_INLINE F32x16 operator+(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
SLUICE_INLINE F32x16 operator-(F32x16 a, F32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
SLUICE_INLINE F32x16 operator*(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
SLUICE_INLINE F32x16 operator/(F32x16 a, F32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
SLUICE_INLINE F32x16 Fma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
SLUICE_INLINE F32x16 Max(F32x16 a, F32x16 b) { return {_mm512_max_ps(a.v, b.v)}; }
SLUICE_INLINE F32x16 Min(F32x16 a, F32x16 b) { return {_mm512_min_ps(a.v, b.v)}; }
SLUICE_INLINE F32x16 Abs(F32x16 x) { return {_mm512_andnot_ps(_mm512_set1_ps(-0.0f), x.v)}; }
SLUICE_INLINE F32x16 CopySign(F32x16 x, F32x16 sign) {
  const __m512 bit = _mm512_set1_ps(-0.0f);
  return {_mm512_or_ps(_mm512_andnot_ps(bit, x.v), _mm512_and_ps(bit, sign.v))};
}
SLUICE_INLINE F32x16 Scale2(F32x16 x, F32x16 n) { return {_mm512_scalef_ps(x.v, n.v)}; }

SLUICE_INLINE Mask16 Less(F32x16 a, F32x16 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
SLUICE_INLINE Mask16 IsNan(F32x16 x) { return {_mm512_cmp_ps_mask(x.v, x.v, _CMP_UNORD_Q)}; }
SLUICE_INLINE __mmask16 FirstLanes(int n) {
  return static_cast<__mmask16>(n <= 0 ? 0 : n >= 16 ? 0xffff : (1u << n) - 1);
}
SLUICE_INLINE Mask16 LaneRange(int lo, int hi) {
  return {static_cast<__mmask16>(FirstLanes(hi) & ~FirstLanes(lo))};
}
SLUICE_INLINE F32x16 Select(Mask16 mask, F32x16 yes, F32x16 no) {
  return {_mm512_mask_blend_ps(mask.v, no.v, yes.v)};
}

SLUICE_INLINE F32x16 Load(const float* p) { return {_mm512_loadu_ps(p)}; }
SLUICE_INLINE F32x16 Load(const uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
struct BFloat16 {
  uint16_t bits;
};
SLUICE_INLINE F32x16 FromBFloat16(__m256i x) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16))};
}
SLUICE_INLINE F32x16 FromInt8(__m128i x) { return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(x))}; }
SLUICE_INLINE F32x16 Load(const BFloat16* p) {
  return FromBFloat16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
SLUICE_INLINE F32x16 Load(const int8_t* p) {
  return FromInt8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
SLUICE_INLINE F32x16 LoadPart(const float* p, int n) { return {_mm512_maskz_loadu_ps(FirstLanes(n), p)}; }
SLUICE_INLINE F32x16 LoadPart(const uint16_t* p, int n) {
  return {_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(FirstLanes(n), p))};
}
SLUICE_INLINE F32x16 LoadPart(const BFloat16* p, int n) {
  return FromBFloat16(_mm256_maskz_loadu_epi16(FirstLanes(n), p));
}
SLUICE_INLINE F32x16 LoadPart(const int8_t* p, int n) {
  return FromInt8(_mm_maskz_loadu_epi8(FirstLanes(n), p));
}
SLUICE_INLINE void StorePart(float* p, int n, F32x16 x) { _mm512_mask_storeu_ps(p, FirstLanes(n), x.v); }
SLUICE_INLINE void Store(float* p, F32x16 x) { _mm512_storeu_ps(p, x.v); }
SLUICE_INLINE __m256i ToHalf(F32x16 x) {
  return _mm512_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
SLUICE_INLINE void StorePart(uint16_t* p, int n, F32x16 x) {
  _mm256_mask_storeu_epi16(p, FirstLanes(n), ToHalf(x));
}
SLUICE_INLINE void Store(uint16_t* p, F32x16 x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), ToHalf(x));
}

SLUICE_INLINE F32x16 Evens(F32x16 a, F32x16 b) {
  const __m512i at = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  return {_mm512_permutex2var_ps(a.v, at, b.v)};
}
SLUICE_INLINE F32x16 Odds(F32x16 a, F32x16 b) {
  const __m512i at = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return {_mm512_permutex2var_ps(a.v, at, b.v)};
}
SLUICE_INLINE F32x16 ZipLow(F32x16 even, F32x16 odd) {
  const __m512i at = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  return {_mm512_permutex2var_ps(even.v, at, odd.v)};
}
SLUICE_INLINE F32x16 ZipHigh(F32x16 even, F32x16 odd) {
  const __m512i at = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  return {_mm512_permutex2var_ps(even.v, at, odd.v)};
}

SLUICE_INLINE float Sum(F32x16 x) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(x.v), _mm512_extractf32x8_ps(x.v, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
SLUICE_INLINE float MaxOf(F32x16 x) {
  const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(x.v), _mm512_extractf32x8_ps(x.v, 1));
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

}  // namespace
}  // namespace sluice::kernels
