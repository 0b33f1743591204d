// Sixteen float lanes in two 256-bit registers; vec_scalar.h says what each operation does. For tier files
// only.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/math.h"

namespace sluice::kernels {
namespace {

// Register blocking of attention: heads and vectors at once (attention_kernels.h).
constexpr int kScoreHeads = 4, kScoreVecs = 1, kValueHeads = 4, kValueVecs = 1;
constexpr int kLatentKeys = 4, kLatentHeadVecs = 1;
constexpr int kDeltaVecs = 4;  // columns of a state at once (delta_kernels.h)

struct F32x16 {
  __m256 lo, hi;
  static SLUICE_INLINE F32x16 All(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
};

struct Mask16 {
  __m256 lo, hi;  // all bits of a lane, or none
};

#define SLUICE_HALVES(result, name, op) \
  SLUICE_INLINE result name(F32x16 a, F32x16 b) { return {op(a.lo, b.lo), op(a.hi, b.hi)}; }
SLUICE_HALVES(F32x16, operator+, _mm256_add_ps)
SLUICE_HALVES(F32x16, operator-, _mm256_sub_ps)
SLUICE_HALVES(F32x16, operator*, _mm256_mul_ps)
SLUICE_HALVES(F32x16, operator/, _mm256_div_ps)
SLUICE_HALVES(F32x16, Max, _mm256_max_ps)
SLUICE_HALVES(F32x16, Min, _mm256_min_ps)
#undef SLUICE_HALVES

SLUICE_INLINE F32x16 Fma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
SLUICE_INLINE F32x16 Abs(F32x16 x) {
  const __m256 bit = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(bit, x.lo), _mm256_andnot_ps(bit, x.hi)};
}
SLUICE_INLINE __m256 CopySign8(__m256 x, __m256 sign) {
  const __m256 bit = _mm256_set1_ps(-0.0f);
  return _mm256_or_ps(_mm256_andnot_ps(bit, x), _mm256_and_ps(bit, sign));
}
SLUICE_INLINE F32x16 CopySign(F32x16 x, F32x16 sign) {
  return {CopySign8(x.lo, sign.lo), CopySign8(x.hi, sign.hi)};
}
SLUICE_INLINE __m256 Power2(__m256i n) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}
SLUICE_INLINE __m256 Scale2Of8(__m256 x, __m256 n) {
  const __m256i whole = _mm256_cvtps_epi32(n);
  const __m256i half = _mm256_srai_epi32(whole, 1);
  return _mm256_mul_ps(_mm256_mul_ps(x, Power2(half)), Power2(_mm256_sub_epi32(whole, half)));
}
SLUICE_INLINE F32x16 Scale2(F32x16 x, F32x16 n) { return {Scale2Of8(x.lo, n.lo), Scale2Of8(x.hi, n.hi)}; }

SLUICE_INLINE Mask16 Less(F32x16 a, F32x16 b) {
  return {_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ)};
}
SLUICE_INLINE Mask16 IsNan(F32x16 x) {
  return {_mm256_cmp_ps(x.lo, x.lo, _CMP_UNORD_Q), _mm256_cmp_ps(x.hi, x.hi, _CMP_UNORD_Q)};
}
SLUICE_INLINE __m256i Range8(int lo, int hi) {
  const __m256i at = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(lo), at),
                             _mm256_cmpgt_epi32(_mm256_set1_epi32(hi), at));
}
SLUICE_INLINE Mask16 LaneRange(int lo, int hi) {
  return {_mm256_castsi256_ps(Range8(lo, hi)), _mm256_castsi256_ps(Range8(lo - 8, hi - 8))};
}
SLUICE_INLINE F32x16 Select(Mask16 mask, F32x16 yes, F32x16 no) {
  return {_mm256_blendv_ps(no.lo, yes.lo, mask.lo), _mm256_blendv_ps(no.hi, yes.hi, mask.hi)};
}

SLUICE_INLINE F32x16 Load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
SLUICE_INLINE __m128i* Halves(uint16_t* p) { return reinterpret_cast<__m128i*>(p); }
SLUICE_INLINE const __m128i* Halves(const uint16_t* p) { return reinterpret_cast<const __m128i*>(p); }
SLUICE_INLINE F32x16 Load(const uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(Halves(p))), _mm256_cvtph_ps(_mm_loadu_si128(Halves(p + 8)))};
}
struct BFloat16 {
  uint16_t bits;
};
SLUICE_INLINE __m256 FromBFloat16(__m128i x) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
}
SLUICE_INLINE F32x16 Load(const BFloat16* p) {
  const auto* at = reinterpret_cast<const __m128i*>(p);
  return {FromBFloat16(_mm_loadu_si128(at)), FromBFloat16(_mm_loadu_si128(at + 1))};
}
SLUICE_INLINE F32x16 Load(const int8_t* p) {
  const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(x)),
          _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(x, x)))};
}
SLUICE_INLINE F32x16 LoadPart(const float* p, int n) {
  return {_mm256_maskload_ps(p, Range8(0, n)), _mm256_maskload_ps(p + 8, Range8(0, n - 8))};
}
template <class T>
SLUICE_INLINE F32x16 LoadCopied(const T* p, int n) {
  T part[16] = {};
  for (int i = 0; i < n; ++i) part[i] = p[i];
  return Load(part);
}
SLUICE_INLINE F32x16 LoadPart(const uint16_t* p, int n) { return LoadCopied(p, n); }
SLUICE_INLINE F32x16 LoadPart(const BFloat16* p, int n) { return LoadCopied(p, n); }
SLUICE_INLINE F32x16 LoadPart(const int8_t* p, int n) { return LoadCopied(p, n); }
SLUICE_INLINE void StorePart(float* p, int n, F32x16 x) {
  _mm256_maskstore_ps(p, Range8(0, n), x.lo);
  _mm256_maskstore_ps(p + 8, Range8(0, n - 8), x.hi);
}
SLUICE_INLINE void Store(float* p, F32x16 x) {
  _mm256_storeu_ps(p, x.lo);
  _mm256_storeu_ps(p + 8, x.hi);
}
SLUICE_INLINE void Store(uint16_t* p, F32x16 x) {
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  _mm_storeu_si128(Halves(p), _mm256_cvtps_ph(x.lo, kNearest));
  _mm_storeu_si128(Halves(p + 8), _mm256_cvtps_ph(x.hi, kNearest));
}
SLUICE_INLINE void StorePart(uint16_t* p, int n, F32x16 x) {
  uint16_t part[16];
  Store(part, x);
  for (int i = 0; i < n; ++i) p[i] = part[i];
}

// Of sixteen floats, the eight at even (or odd) places, from a shuffle that picks them within 128 bits.
SLUICE_INLINE __m256 JoinQuarters(__m256 x) {
  return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(x), 0xd8));
}
SLUICE_INLINE F32x16 Evens(F32x16 a, F32x16 b) {
  return {JoinQuarters(_mm256_shuffle_ps(a.lo, a.hi, 0x88)),
          JoinQuarters(_mm256_shuffle_ps(b.lo, b.hi, 0x88))};
}
SLUICE_INLINE F32x16 Odds(F32x16 a, F32x16 b) {
  return {JoinQuarters(_mm256_shuffle_ps(a.lo, a.hi, 0xdd)),
          JoinQuarters(_mm256_shuffle_ps(b.lo, b.hi, 0xdd))};
}
SLUICE_INLINE F32x16 Zip8(__m256 even, __m256 odd) {
  const __m256 low = _mm256_unpacklo_ps(even, odd);
  const __m256 high = _mm256_unpackhi_ps(even, odd);
  return {_mm256_permute2f128_ps(low, high, 0x20), _mm256_permute2f128_ps(low, high, 0x31)};
}
SLUICE_INLINE F32x16 ZipLow(F32x16 even, F32x16 odd) { return Zip8(even.lo, odd.lo); }
SLUICE_INLINE F32x16 ZipHigh(F32x16 even, F32x16 odd) { return Zip8(even.hi, odd.hi); }

SLUICE_INLINE float Sum(F32x16 x) {
  const __m256 eight = _mm256_add_ps(x.lo, x.hi);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
SLUICE_INLINE float MaxOf(F32x16 x) {
  const __m256 eight = _mm256_max_ps(x.lo, x.hi);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

}  // namespace
}  // namespace sluice::kernels
