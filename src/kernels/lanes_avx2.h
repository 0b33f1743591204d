// What the products need of AVX2: eight rows at once. lanes_avx512.h has the same names. For tier
// files only.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/byte_tables.h"
#include "kernels/four_words.h"
#include "kernels/math.h"

namespace sluice::kernels {
namespace {

struct Lanes {
  static constexpr int kRows = 8;
  static constexpr int kTokens = 4;       // most tokens in one pass over a panel of integers
  static constexpr int kFloatTokens = 3;  // and over one of floats
  static constexpr int kSignedOffset = 0, kUnpackedOffset = 64;
  // A part holds sums of 16 bits. maddubs must not saturate: activations are within 127, so a quad adds at
  // most 254 times the largest magnitude of a code.
  static constexpr bool kPartsAreSums = false;
  static constexpr int QuadsPerPart(int largest) { return 32767 / (254 * largest); }

  using I = __m256i;
  using F = __m256;
  typedef uint32_t U32 __attribute__((vector_size(32)));
  struct Codes {
    I value;       // unsigned, or magnitudes
    I signs = {};  // for signed codes: the codes
  };

  static SLUICE_INLINE I Load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  static SLUICE_INLINE I LoadU8(const void* p) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p)));
  }
  static SLUICE_INLINE I LoadU16(const void* p) {
    return _mm256_cvtepu16_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
  }
  static SLUICE_INLINE void StoreBits(void* p, I v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
  static SLUICE_INLINE I Bytes(int b) { return _mm256_set1_epi8(static_cast<char>(b)); }
  static SLUICE_INLINE I Words(int w) { return _mm256_set1_epi32(w); }
  static SLUICE_INLINE I Left(I v, int bits) { return (I)((U32)v << bits); }
  static SLUICE_INLINE I Right(I v, int bits) { return (I)((U32)v >> bits); }
  static SLUICE_INLINE I Sub(I a, I b) { return _mm256_sub_epi32(a, b); }
  static SLUICE_INLINE I SubBytes(I a, I b) { return _mm256_sub_epi8(a, b); }
  static SLUICE_INLINE I Lookup(I codes, const ByteTable& table) {  // codes below 16
    return _mm256_shuffle_epi8(Spread(table), codes);
  }

  static SLUICE_INLINE Codes Unsigned(I codes) { return {codes}; }
  static SLUICE_INLINE Codes Signed(I codes_plus_128) {
    const I codes = _mm256_xor_si256(codes_plus_128, Bytes(0x80));
    return {_mm256_abs_epi8(codes), codes};  // -128 becomes an unsigned 128
  }
  template <bool kSigned>
  static SLUICE_INLINE I AddQuad(I part, Codes codes, int x) {
    const I quad = _mm256_set1_epi32(x);
    const I pairs = _mm256_maddubs_epi16(codes.value, kSigned ? _mm256_sign_epi8(quad, codes.signs) : quad);
    return _mm256_add_epi16(part, pairs);
  }
  static SLUICE_INLINE I AddPart(I sum, I part) { return AddPart(sum, part, _mm256_set1_epi16(1)); }
  static SLUICE_INLINE I AddPart(I sum, I part, I scale) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(part, scale));
  }
  // Codes as bytes plus kUnpackedOffset.
  static SLUICE_INLINE I Unpacked(Codes codes) {
    return AddBytes(_mm256_sign_epi8(codes.value, codes.signs), Bytes(kUnpackedOffset));
  }

  // Entries of a table of words (aligned, two more bytes behind it) for the low and the high half of each
  // lane. All halves are below kEntries.
  struct Entries {
    I low, high;
  };
  template <int>
  static SLUICE_INLINE Entries LookupWords(const uint16_t* table, I index) {
    uint16_t at[16];
    StoreBits(at, index);
    const auto pick = [&](int first) __attribute__((always_inline)) {
      const I v = _mm256_castsi128_si256(FourWords(table, at + first));
      return _mm256_inserti128_si256(v, FourWords(table, at + first + 8), 1) & Words(0xffff);
    };
    return {pick(0), pick(1)};
  }
  // A bit for every row and each of four k: of eight rows, from row `first` on.
  using Signs = I;
  static SLUICE_INLINE Signs LoadSigns(const std::byte* signs, int first) {
    int bits;
    __builtin_memcpy(&bits, signs + first / 2, 4);
    const I spread = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const I own = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201));
    return _mm256_cmpeq_epi8(_mm256_shuffle_epi8(Words(bits), spread) & own, own);
  }
  // Magnitudes plus kSignedOffset, negated where the sign is set.
  static SLUICE_INLINE Codes Negate(I codes, Signs signs) { return {codes, signs | Bytes(1)}; }
  // Codes plus kSignedOffset.
  static SLUICE_INLINE Codes Offset(I codes) { return {_mm256_abs_epi8(codes), codes}; }
  // `value` in lanes of `v` that have bit `bit`, else 0.
  static SLUICE_INLINE I IfBit(I v, int bit, I value) {
    return _mm256_srai_epi32(Left(v, 31 - bit), 31) & value;
  }
  // Each byte times 3 / 256, rounded down.
  static SLUICE_INLINE I ThirdsOf(I v) {
    const auto from = [v](int least) { return _mm256_cmpeq_epi8(_mm256_max_epu8(v, Bytes(least)), v); };
    return SubBytes(SubBytes(I{}, from(86)), from(171));
  }
  static SLUICE_INLINE I AddBytes(I a, I b) { return _mm256_add_epi8(a, b); }
  // Byte kByte of each lane, as AddPart wants it.
  template <int kByte, bool kSigned>
  static SLUICE_INLINE I Scale(I bytes) {
    return Pair<kByte, kByte, kSigned>(bytes);
  }
  // Bytes kFirst and kSecond of each lane as two 16-bit numbers.
  template <int kFirst, int kSecond, bool kSigned>
  static SLUICE_INLINE I Pair(I bytes) {
    const I picked = _mm256_shuffle_epi8(bytes, Spread(kPickPair<kFirst, kSecond, kSigned>));
    return kSigned ? _mm256_srai_epi16(picked, 8) : picked;
  }
  // sum + the product of the 16-bit pairs; x is the same pair for all lanes.
  static SLUICE_INLINE I AddPairs(I sum, I pairs, int x) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi32(x)));
  }
  // GCC would make a tree of a chain of sums, and the products of several tokens would not fit the registers.
  static SLUICE_INLINE I InOrder(I sum) {
    asm("" : "+x"(sum));
    return sum;
  }

  static SLUICE_INLINE F All(float x) { return _mm256_set1_ps(x); }
  static SLUICE_INLINE F LoadF32(const void* p) { return _mm256_loadu_ps(static_cast<const float*>(p)); }
  static SLUICE_INLINE F LoadF16(const void* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(p)));
  }
  static SLUICE_INLINE F LoadBF16(const void* p) { return AsFloat(_mm256_slli_epi32(LoadU16(p), 16)); }
  static SLUICE_INLINE F LoadF8(const void* p) {  // E4M3, as halves: divided by 256
    const __m128i v = _mm_cvtepi8_epi16(_mm_loadl_epi64(static_cast<const __m128i*>(p)));
    const __m128i half = _mm_and_si128(_mm_slli_epi16(v, 7), _mm_set1_epi16(-0x4080));
    const __m128i nan = _mm_cmpeq_epi16(_mm_or_si128(v, _mm_set1_epi16(-0x80)), _mm_set1_epi16(-1));
    return _mm256_cvtph_ps(_mm_or_si128(half, _mm_and_si128(nan, _mm_set1_epi16(0x7e00))));
  }
  static SLUICE_INLINE void Store(float* p, F v) { _mm256_storeu_ps(p, v); }
  static SLUICE_INLINE F ToFloat(I v) { return _mm256_cvtepi32_ps(v); }
  static SLUICE_INLINE F AsFloat(I bits) { return _mm256_castsi256_ps(bits); }
  static SLUICE_INLINE F Add(F a, F b) { return _mm256_add_ps(a, b); }
  static SLUICE_INLINE F Mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static SLUICE_INLINE F Fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  static SLUICE_INLINE F NegFma(F a, F b, F c) { return _mm256_fnmadd_ps(a, b, c); }
  static SLUICE_INLINE I IfBelow(I v, int limit, I yes, I no) {
    return _mm256_blendv_epi8(no, yes, _mm256_cmpgt_epi32(Words(limit), v));
  }
  static SLUICE_INLINE I LeftEach(I v, I bits) { return _mm256_sllv_epi32(v, bits); }

 private:
  static SLUICE_INLINE I Spread(const ByteTable& table) {
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table.value)));
  }
};

}  // namespace
}  // namespace sluice::kernels
