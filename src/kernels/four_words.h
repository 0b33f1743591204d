// Tables of words that are too large for registers. For tier files only.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/math.h"

namespace sluice::kernels {
namespace {

// Words of `table` at every other index, each with the word behind it above. Gathers take longer.
SLUICE_INLINE __m128i FourWords(const uint16_t* table, const uint16_t* index) {
  const auto both = [&](int i) {
    int value;
    __builtin_memcpy(&value, table + index[i], 4);
    return value;
  };
  __m128i v = _mm_cvtsi32_si128(both(0));
  v = _mm_insert_epi32(v, both(2), 1);
  v = _mm_insert_epi32(v, both(4), 2);
  return _mm_insert_epi32(v, both(6), 3);
}

}  // namespace
}  // namespace sluice::kernels
