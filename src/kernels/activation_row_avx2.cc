#include <immintrin.h>

#include "kernels/activation_row.h"
#include "kernels/tiers.h"

namespace sluice::kernels {
namespace {

template <int kBlock>
float LargestMagnitude(const float* x) {
  const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
  __m256i max = _mm256_setzero_si256();
  for (int i = 0; i < kBlock; i += 8)
    max = _mm256_max_epi32(max, _mm256_and_si256(magnitude, _mm256_castps_si256(_mm256_loadu_ps(x + i))));
  __m128i m = _mm_max_epi32(_mm256_castsi256_si128(max), _mm256_extracti128_si256(max, 1));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1));
  return _mm_cvtss_f32(_mm_castsi128_ps(m));
}

// 32 codes and the sums of their two halves.
void Encode32(const float* x, __m256 inverse, int8_t* code, int16_t* sum) {
  __m256i v[4];
  for (int i = 0; i < 4; ++i) v[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), inverse));
  const __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(v[0], v[1]), _mm256_packs_epi32(v[2], v[3]));
  const __m256i ordered = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  _mm256_store_si256(reinterpret_cast<__m256i*>(code), ordered);
  // Sums of eight codes plus 128 each.
  const __m256i biased = _mm256_xor_si256(ordered, _mm256_set1_epi8(-128));
  const __m256i eights = _mm256_sad_epu8(biased, _mm256_setzero_si256());
  sum[0] = static_cast<int16_t>(_mm256_extract_epi64(eights, 0) + _mm256_extract_epi64(eights, 1) - 2048);
  sum[1] = static_cast<int16_t>(_mm256_extract_epi64(eights, 2) + _mm256_extract_epi64(eights, 3) - 2048);
}

template <int kBlock>
void Quantize(const float* x, int64_t k, std::byte* out) {
  const ActLayout at{k, kBlock};
  auto* code = reinterpret_cast<int8_t*>(out);
  auto* scale = reinterpret_cast<float*>(out + at.scales_at());
  auto* sum = reinterpret_cast<int16_t*>(out + at.sums_at());
  for (int64_t i = 0; i < k; i += kBlock, ++scale) {
    const float max = LargestMagnitude<kBlock>(x + i);
    const bool finite = max <= 0x1.fffffep127f, usable = finite && max >= kTinyBlock;
    *scale = usable ? max / 127.0f : finite ? 0.0f : __builtin_nanf("");
    const __m256 inverse = _mm256_set1_ps(127.0f / max);
    for (int64_t j = i; j < i + kBlock; j += 32) {
      if (usable) {
        Encode32(x + j, inverse, code + j, sum + j / 16);
      } else {
        _mm256_store_si256(reinterpret_cast<__m256i*>(code + j), _mm256_setzero_si256());
        sum[j / 16] = sum[j / 16 + 1] = 0;
      }
    }
  }
  if (kBlock != 256) return;
  auto* sum32 = reinterpret_cast<int16_t*>(out + at.sums32_at());
  sum = reinterpret_cast<int16_t*>(out + at.sums_at());
  for (int64_t g = 0; g < k / 32; ++g) sum32[g] = static_cast<int16_t>(sum[2 * g] + sum[2 * g + 1]);
}

}  // namespace

void FillActivationRowAvx2(Table& table) {
  table.quantize_q8x32 = Quantize<32>;
  table.quantize_q8x256 = Quantize<256>;
}

}  // namespace sluice::kernels
