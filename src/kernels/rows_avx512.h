// Sixteen rows at once: one dword of each in one register. rows_avx2.h has the same names. For tier files
// only.
#pragma once

#if !defined(__clang__)  // GCC 12 warns of its own _mm512_undefined_ps
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/math.h"

namespace sluice::kernels {
namespace {

struct Rows {
  static constexpr int kRows = 16;
  typedef uint32_t V __attribute__((vector_size(64)));

  // Sixteen bytes of each row, from `at` on: out[i] is dword i of every row.
  static SLUICE_INLINE void Load(const std::byte* const* row, int64_t at, V* out) {
    const __m512i a = Lanes(row, at), b = Lanes(row + 1, at), c = Lanes(row + 2, at), d = Lanes(row + 3, at);
    const __m512i ab = _mm512_unpacklo_epi32(a, b), cd = _mm512_unpacklo_epi32(c, d);
    const __m512i ab2 = _mm512_unpackhi_epi32(a, b), cd2 = _mm512_unpackhi_epi32(c, d);
    out[0] = (V)_mm512_unpacklo_epi64(ab, cd);
    out[1] = (V)_mm512_unpackhi_epi64(ab, cd);
    out[2] = (V)_mm512_unpacklo_epi64(ab2, cd2);
    out[3] = (V)_mm512_unpackhi_epi64(ab2, cd2);
  }
  static SLUICE_INLINE void Store(V v, std::byte* out) { _mm512_storeu_si512(out, (__m512i)v); }
  // The halves of each dword: first the low ones of all rows, kPanelRows * 2 bytes later the high ones.
  static SLUICE_INLINE void StoreHalves(V v, std::byte* out) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_cvtepi32_epi16((__m512i)v));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 32), _mm512_cvtepi32_epi16((__m512i)(v >> 16)));
  }
  // The bytes of each dword, the lowest first, kPanelRows apart.
  static SLUICE_INLINE void StoreBytes(V v, std::byte* out) {
    for (int i = 0; i < 4; ++i)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16 * i), _mm512_cvtepi32_epi8((__m512i)(v >> 8 * i)));
  }
  // The lowest four bits of each dword, side by side; above them is nothing.
  static SLUICE_INLINE void StoreNibbles(V v, std::byte* out) {
    const __m512i pairs = _mm512_or_si512((__m512i)v, _mm512_srli_epi64((__m512i)v, 28));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm512_cvtepi64_epi8(pairs));
  }

 private:
  // Lane i from row 4 i.
  static SLUICE_INLINE __m512i Lanes(const std::byte* const* row, int64_t at) {
    __m512i v = _mm512_castsi128_si512(Lane(row[0] + at));
    v = _mm512_inserti32x4(v, Lane(row[4] + at), 1);
    v = _mm512_inserti32x4(v, Lane(row[8] + at), 2);
    return _mm512_inserti32x4(v, Lane(row[12] + at), 3);
  }
  static SLUICE_INLINE __m128i Lane(const std::byte* p) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  }
};

}  // namespace
}  // namespace sluice::kernels
