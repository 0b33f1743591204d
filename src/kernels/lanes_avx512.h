// What the products need of AVX-512 with VNNI: sixteen rows at once. lanes_avx2.h has the same names. For
// tier files only.
#pragma once

#if !defined(__clang__)  // GCC 12 warns of its own _mm512_undefined_ps
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/byte_tables.h"
#include "kernels/four_words.h"
#include "kernels/math.h"

namespace sluice::kernels {
namespace {

struct Lanes {
  static constexpr int kRows = 16;
  static constexpr int kTokens = 8;       // most tokens in one pass over a panel of integers
  static constexpr int kFloatTokens = 6;  // and over one of floats
  // Signed codes are taken plus 128, as unsigned ones; the sums of the activations put it right.
  static constexpr int kSignedOffset = 128, kUnpackedOffset = 128;
  // A part is a sum of 32 bits, and holds any number of quads.
  static constexpr bool kPartsAreSums = true;
  static constexpr int QuadsPerPart(int) { return 64; }

  using I = __m512i;
  using F = __m512;
  typedef uint32_t U32 __attribute__((vector_size(64)));
  struct Codes {
    I value;  // unsigned
  };

  static SLUICE_INLINE I Load(const void* p) { return _mm512_loadu_si512(p); }
  static SLUICE_INLINE I LoadU8(const void* p) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
  }
  static SLUICE_INLINE I LoadU16(const void* p) {
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
  }
  static SLUICE_INLINE void StoreBits(void* p, I v) { _mm512_storeu_si512(p, v); }
  static SLUICE_INLINE I Bytes(int b) { return _mm512_set1_epi8(static_cast<char>(b)); }
  static SLUICE_INLINE I Words(int w) { return _mm512_set1_epi32(w); }
  static SLUICE_INLINE I Left(I v, int bits) { return (I)((U32)v << bits); }
  static SLUICE_INLINE I Right(I v, int bits) { return (I)((U32)v >> bits); }
  static SLUICE_INLINE I Sub(I a, I b) { return _mm512_sub_epi32(a, b); }
  static SLUICE_INLINE I SubBytes(I a, I b) { return _mm512_sub_epi8(a, b); }
  static SLUICE_INLINE I Lookup(I codes, const ByteTable& table) {  // codes below 16
    return _mm512_shuffle_epi8(Spread(table), codes);
  }

  static SLUICE_INLINE Codes Unsigned(I codes) { return {codes}; }
  static SLUICE_INLINE Codes Signed(I codes_plus_128) { return {codes_plus_128}; }
  template <bool kSigned>
  static SLUICE_INLINE I AddQuad(I part, Codes codes, int x) {
    return _mm512_dpbusd_epi32(part, codes.value, _mm512_set1_epi32(x));
  }
  static SLUICE_INLINE I AddPart(I sum, I part) { return _mm512_add_epi32(sum, part); }
  static SLUICE_INLINE I AddPart(I sum, I part, I scale) {
    return _mm512_add_epi32(sum, _mm512_mullo_epi32(part, scale));
  }
  // Codes as bytes plus kUnpackedOffset.
  static SLUICE_INLINE I Unpacked(Codes codes) { return codes.value; }

  // Entries of a table of words (aligned, two more bytes behind it) for the low and the high half of each
  // lane. All halves are below kEntries.
  struct Entries {
    I low, high;
  };
  template <int kEntries>
  static SLUICE_INLINE Entries LookupWords(const uint16_t* table, I index) {
    if constexpr (kEntries > 1024) {
      uint16_t at[32];
      StoreBits(at, index);
      const auto pick = [&](int first) __attribute__((always_inline)) {
        I v = _mm512_castsi128_si512(FourWords(table, at + first));
        v = _mm512_inserti32x4(v, FourWords(table, at + first + 8), 1);
        v = _mm512_inserti32x4(v, FourWords(table, at + first + 16), 2);
        return _mm512_inserti32x4(v, FourWords(table, at + first + 24), 3) & Words(0xffff);
      };
      return {pick(0), pick(1)};
    } else {
      const I both = InRegisters<kEntries>(table, index);
      return {both & Words(0xffff), Right(both, 16)};
    }
  }
  // A bit for every row and each of four k: of sixteen rows, from row `first` on.
  using Signs = __mmask64;
  static SLUICE_INLINE Signs LoadSigns(const std::byte* signs, int) {
    return _load_mask64(reinterpret_cast<__mmask64*>(const_cast<std::byte*>(signs)));
  }
  // Magnitudes plus kSignedOffset, negated where the sign is set.
  static SLUICE_INLINE Codes Negate(I codes, Signs signs) {
    return {_mm512_mask_sub_epi8(codes, signs, I{}, codes)};
  }
  // Codes plus kSignedOffset.
  static SLUICE_INLINE Codes Offset(I codes) { return {codes}; }
  // `value` in lanes of `v` that have bit `bit`, else 0.
  static SLUICE_INLINE I IfBit(I v, int bit, I value) {
    return _mm512_maskz_mov_epi32(_mm512_test_epi32_mask(v, Words(1 << bit)), value);
  }
  // Each byte times 3 / 256, rounded down.
  static SLUICE_INLINE I ThirdsOf(I v) {
    const I ones = Bytes(1), one = _mm512_maskz_mov_epi8(_mm512_cmpge_epu8_mask(v, Bytes(86)), ones);
    return _mm512_mask_add_epi8(one, _mm512_cmpge_epu8_mask(v, Bytes(171)), one, ones);
  }
  static SLUICE_INLINE I AddBytes(I a, I b) { return _mm512_add_epi8(a, b); }
  // Byte kByte of each lane, as AddPart wants it.
  template <int kByte, bool kSigned>
  static SLUICE_INLINE I Scale(I bytes) {
    if constexpr (kSigned) return _mm512_srai_epi32(_mm512_slli_epi32(bytes, 24 - 8 * kByte), 24);
    if constexpr (kByte == 3) return _mm512_srli_epi32(bytes, 24);
    return _mm512_and_si512(_mm512_srli_epi32(bytes, 8 * kByte), _mm512_set1_epi32(255));
  }
  // Bytes kFirst and kSecond of each lane as two 16-bit numbers.
  template <int kFirst, int kSecond, bool kSigned>
  static SLUICE_INLINE I Pair(I bytes) {
    const I picked = _mm512_shuffle_epi8(bytes, Spread(kPickPair<kFirst, kSecond, kSigned>));
    return kSigned ? _mm512_srai_epi16(picked, 8) : picked;
  }
  // sum + the product of the 16-bit pairs; x is the same pair for all lanes.
  static SLUICE_INLINE I AddPairs(I sum, I pairs, int x) {
    return _mm512_dpwssd_epi32(sum, pairs, _mm512_set1_epi32(x));
  }
  static SLUICE_INLINE I InOrder(I sum) { return sum; }  // there are registers enough

  static SLUICE_INLINE F All(float x) { return _mm512_set1_ps(x); }
  static SLUICE_INLINE F LoadF32(const void* p) { return _mm512_loadu_ps(p); }
  static SLUICE_INLINE F LoadF16(const void* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
  }
  static SLUICE_INLINE F LoadBF16(const void* p) { return AsFloat(_mm512_slli_epi32(LoadU16(p), 16)); }
  static SLUICE_INLINE F LoadF8(const void* p) {  // E4M3, as halves: divided by 256
    const __m256i v = _mm256_cvtepi8_epi16(_mm_loadu_si128(static_cast<const __m128i*>(p)));
    const __m256i half = _mm256_and_si256(_mm256_slli_epi16(v, 7), _mm256_set1_epi16(-0x4080));
    const __mmask16 nan =
        _mm256_cmpeq_epi16_mask(_mm256_or_si256(v, _mm256_set1_epi16(-0x80)), _mm256_set1_epi16(-1));
    return _mm512_cvtph_ps(_mm256_or_si256(half, _mm256_maskz_mov_epi16(nan, _mm256_set1_epi16(0x7e00))));
  }
  static SLUICE_INLINE void Store(float* p, F v) { _mm512_storeu_ps(p, v); }
  static SLUICE_INLINE F ToFloat(I v) { return _mm512_cvtepi32_ps(v); }
  static SLUICE_INLINE F AsFloat(I bits) { return _mm512_castsi512_ps(bits); }
  static SLUICE_INLINE F Add(F a, F b) { return _mm512_add_ps(a, b); }
  static SLUICE_INLINE F Mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static SLUICE_INLINE F Fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static SLUICE_INLINE F NegFma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); }
  static SLUICE_INLINE I IfBelow(I v, int limit, I yes, I no) {
    return _mm512_mask_blend_epi32(_mm512_cmplt_epi32_mask(v, Words(limit)), no, yes);
  }
  static SLUICE_INLINE I LeftEach(I v, I bits) { return _mm512_sllv_epi32(v, bits); }

 private:
  // Tables of 64 words, then the bits of the index above those that choose in one.
  template <int kEntries>
  static SLUICE_INLINE I InRegisters(const uint16_t* table, I index) {
    if constexpr (kEntries == 64) {
      return _mm512_permutex2var_epi16(Load(table), index, Load(table + 32));
    } else {
      const __mmask32 upper = _mm512_test_epi16_mask(index, _mm512_set1_epi16(kEntries / 2));
      return _mm512_mask_blend_epi16(upper, InRegisters<kEntries / 2>(table, index),
                                     InRegisters<kEntries / 2>(table + kEntries / 2, index));
    }
  }
  static SLUICE_INLINE I Spread(const ByteTable& table) {
    return _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(table.value)));
  }
};

}  // namespace
}  // namespace sluice::kernels
