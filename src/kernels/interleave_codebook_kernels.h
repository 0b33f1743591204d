// Codebook blocks and TQ1_0 become panels as other blocks do; codebook_block.cc says what goes where. Written
// in `Rows`, which a tier file includes first.
#pragma once

#include "kernels/interleave_kernels.h"

namespace sluice::kernels {
namespace {

// Vectors of bits above the indices' eight, which are put together before they are stored.
template <int kCount>
struct HighBits {
  V vector[kCount] = {};

  SLUICE_INLINE void Store(const Block& block, int at) const {
#pragma GCC unroll 4
    for (int i = 0; i < kCount; ++i) Rows::Store(vector[i], block.out + (at + i) * 64);
  }
};

// Fields of kBits bits, kStep bits apart, from the lowest bit on: one in each byte.
template <int kBits, int kStep>
SLUICE_INLINE V SpreadFields(V v) {
  constexpr uint32_t kMask = (1u << kBits) - 1;
  return (v & kMask) | (v >> kStep & kMask) << 8 | (v >> 2 * kStep & kMask) << 16 |
         (v >> 3 * kStep & kMask) << 24;
}

template <int kVectors>
SLUICE_INLINE void CopyVectors(const Block& block, int64_t offset) {
  for (int i = 0; i < kVectors; i += 4) {
    V dwords[4];
    block.Load<4>(offset + 4 * i, dwords);
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) Rows::Store(dwords[j], block.out + (i + j) * 64);
  }
}

// signs: of 32 groups, of which kBits are kept and bits above are anything; `at`: their first vector.
template <int kBits>
SLUICE_INLINE void StoreSigns(const Block& block, int at, const V* signs) {
  std::byte* out = block.out + at * 64 - block.first * 4 + block.first / 2;
  for (int g = 0; g < 32; ++g) Rows::StoreNibbles(signs[g] & 15, out + 8 * g);
  for (int g = 0; g < (kBits == 8 ? 32 : 24); ++g) {
    const V half = signs[g] >> 4;
    const V nibble = kBits == 8 ? half & 15 : (half & 7) | (signs[24 + g % 8] >> (4 + g / 8) & 1) << 3;
    Rows::StoreNibbles(nibble, out + 256 + 8 * g);
  }
}

// Four times seven bits in each of eight dwords.
SLUICE_INLINE void SplitSevens(V dword, V* signs) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) signs[i] = dword >> 7 * i;
}

template <int kAt>
SLUICE_INLINE void StoreByteSigns(const Block& block, int64_t offset) {
  V dwords[8], signs[32];
  block.Load<8>(offset, dwords);
  for (int g = 0; g < 32; ++g) signs[g] = dwords[g / 4] >> 8 * (g % 4);
  StoreSigns<8>(block, kAt, signs);
}

struct IndicesIQ2_XXS {
  static SLUICE_INLINE void Pack(const Block& block) {
    V signs[32];
    for (int p = 0; p < 8; p += 2) {
      V dwords[4];
      block.Load<4>(2 + 8 * p, dwords);
      Rows::Store(dwords[0], block.out + p * 64);
      Rows::Store(dwords[2], block.out + (p + 1) * 64);
      SplitSevens(dwords[1], signs + 4 * p);
      SplitSevens(dwords[3], signs + 4 * p + 4);
    }
    StoreSigns<7>(block, 8, signs);
  }
};

struct IndicesIQ2_XS {
  static SLUICE_INLINE void Pack(const Block& block) {
    V words[16], signs[32];
    block.Load<16>(2, words);
    HighBits<1> high;
    for (int p = 0; p < 8; ++p) {
      const V a = words[2 * p], b = words[2 * p + 1];
      Rows::Store((a & 0xff) | (a >> 8 & 0xff00) | (b & 0xff) << 16 | (b & 0xff0000) << 8,
                  block.out + p * 64);
      high.vector[0] |= ((a >> 8 & 1) | (a >> 16 & 0x100) | (b & 0x100) << 8 | (b & 0x1000000)) << p;
      signs[4 * p] = a >> 9;
      signs[4 * p + 1] = a >> 25;
      signs[4 * p + 2] = b >> 9;
      signs[4 * p + 3] = b >> 25;
    }
    high.Store(block, 8);
    StoreSigns<7>(block, 9, signs);
  }
};

struct IndicesIQ2_S {
  static SLUICE_INLINE void Pack(const Block& block) {
    CopyVectors<8>(block, 2);
    V bits[4];
    block.Load<4>(66, bits);
    HighBits<2> high;
    for (int p = 0; p < 8; ++p)
      high.vector[p / 4] |= SpreadFields<2, 2>(bits[p / 4] >> 8 * (p % 4)) << 2 * (p % 4);
    high.Store(block, 8);
    StoreByteSigns<10>(block, 34);
  }
};

struct IndicesIQ3_XXS {
  static SLUICE_INLINE void Pack(const Block& block) {
    CopyVectors<16>(block, 2);
    V dwords[8], signs[32];
    block.Load<8>(66, dwords);
    for (int p = 0; p < 8; ++p) SplitSevens(dwords[p], signs + 4 * p);
    StoreSigns<7>(block, 16, signs);
  }
};

struct IndicesIQ3_S {
  static SLUICE_INLINE void Pack(const Block& block) {
    CopyVectors<16>(block, 2);
    V bits[4];
    block.Load<4>(66, bits);
    HighBits<2> high;
    for (int v = 0; v < 16; ++v)
      high.vector[v / 8] |= SpreadFields<1, 1>(bits[v / 8] >> 4 * (v % 8)) << v % 8;
    high.Store(block, 16);
    StoreByteSigns<18>(block, 74);
  }
};

struct IndicesIQ1_S {
  static SLUICE_INLINE void Pack(const Block& block) {
    CopyVectors<8>(block, 2);
    V words[4];
    block.Load<4>(34, words);
    HighBits<3> high;
    for (int p = 0; p < 8; ++p) {
      const V word = words[p / 2] >> 16 * (p % 2);
      high.vector[p / 4] |= SpreadFields<2, 3>(word) << 2 * (p % 4);
      high.vector[2] |= SpreadFields<1, 3>(word >> 2) << p;
    }
    high.Store(block, 8);
  }
};

struct IndicesIQ1_M {
  static SLUICE_INLINE void Pack(const Block& block) {
    CopyVectors<8>(block, 0);
    V words[4];
    block.Load<4>(32, words);
    HighBits<4> high;
    for (int p = 0; p < 8; ++p)
      high.vector[p / 2] |= SpreadFields<4, 4>(words[p / 2] >> 16 * (p % 2)) << 4 * (p % 2);
    high.Store(block, 8);
  }
};

struct IndicesTQ1_0 {
  static SLUICE_INLINE void Pack(const Block& block) { CopyVectors<8>(block, 0); }
};

// kVectors: of a superblock.
template <typename Indices, int kBytes, int kVectors>
void InterleaveIndices(const std::byte* const* row, int64_t k, std::byte* out) {
  for (int first = 0; first < kPanelRows; first += Rows::kRows)
    for (int64_t b = 0; b < k / 256; ++b)
      Indices::Pack(Block{row + first, b * kBytes, out + b * kVectors * 64 + first * 4, first});
}

InterleaveFn FindCodebook(DType dtype) {
  switch (dtype) {
    case DType::kIQ2_XXS:
      return InterleaveIndices<IndicesIQ2_XXS, sizeof(blocks::IQ2_XXS), 15>;
    case DType::kIQ2_XS:
      return InterleaveIndices<IndicesIQ2_XS, sizeof(blocks::IQ2_XS), 16>;
    case DType::kIQ2_S:
      return InterleaveIndices<IndicesIQ2_S, sizeof(blocks::IQ2_S), 18>;
    case DType::kIQ3_XXS:
      return InterleaveIndices<IndicesIQ3_XXS, sizeof(blocks::IQ3_XXS), 23>;
    case DType::kIQ3_S:
      return InterleaveIndices<IndicesIQ3_S, sizeof(blocks::IQ3_S), 26>;
    case DType::kIQ1_S:
      return InterleaveIndices<IndicesIQ1_S, sizeof(blocks::IQ1_S), 11>;
    case DType::kIQ1_M:
      return InterleaveIndices<IndicesIQ1_M, sizeof(blocks::IQ1_M), 12>;
    case DType::kTQ1_0:
      return InterleaveIndices<IndicesTQ1_0, sizeof(blocks::TQ1_0), 8>;
    default:
      return nullptr;
  }
}

}  // namespace
}  // namespace sluice::kernels
