// Eight rows at once: one dword of each in one register. rows_avx512.h has the same names. For tier files
// only.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/math.h"

namespace sluice::kernels {
namespace {

struct Rows {
  static constexpr int kRows = 8;
  typedef uint32_t V __attribute__((vector_size(32)));

  static SLUICE_INLINE void Load(const std::byte* const* row, int64_t at, V* out) {
    const __m256i a = Lanes(row, at), b = Lanes(row + 1, at), c = Lanes(row + 2, at), d = Lanes(row + 3, at);
    const __m256i ab = _mm256_unpacklo_epi32(a, b), cd = _mm256_unpacklo_epi32(c, d);
    const __m256i ab2 = _mm256_unpackhi_epi32(a, b), cd2 = _mm256_unpackhi_epi32(c, d);
    out[0] = (V)_mm256_unpacklo_epi64(ab, cd);
    out[1] = (V)_mm256_unpackhi_epi64(ab, cd);
    out[2] = (V)_mm256_unpacklo_epi64(ab2, cd2);
    out[3] = (V)_mm256_unpackhi_epi64(ab2, cd2);
  }
  static SLUICE_INLINE void Store(V v, std::byte* out) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), (__m256i)v);
  }
  static SLUICE_INLINE void StoreHalves(V v, std::byte* out) {
    const __m256i low = (__m256i)(v & 0xffff), high = (__m256i)(v >> 16);
    const __m256i both = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm256_castsi256_si128(both));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 32), _mm256_extracti128_si256(both, 1));
  }
  static SLUICE_INLINE void StoreBytes(V v, std::byte* out) {
    const __m256i by_byte = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,  //
                                             0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m256i fours = _mm256_shuffle_epi8((__m256i)v, by_byte);
    const __m256i eights = _mm256_permutevar8x32_epi32(fours, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    const __m128i low = _mm256_castsi256_si128(eights), high = _mm256_extracti128_si256(eights, 1);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out), low);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out + 16), _mm_unpackhi_epi64(low, low));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out + 32), high);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out + 48), _mm_unpackhi_epi64(high, high));
  }
  // The lowest four bits of each dword, side by side; above them is nothing.
  static SLUICE_INLINE void StoreNibbles(V v, std::byte* out) {
    const __m256i pairs = _mm256_or_si256((__m256i)v, _mm256_srli_epi64((__m256i)v, 28));
    const __m256i low = _mm256_setr_epi8(0, 8, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,  //
                                         -1, -1, 0, 8, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m256i bytes = _mm256_shuffle_epi8(pairs, low);
    const __m128i both = _mm_or_si128(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    _mm_storeu_si32(out, both);
  }

 private:
  // Lane i from row 4 i.
  static SLUICE_INLINE __m256i Lanes(const std::byte* const* row, int64_t at) {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row[0] + at));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row[4] + at));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
  }
};

}  // namespace
}  // namespace sluice::kernels
