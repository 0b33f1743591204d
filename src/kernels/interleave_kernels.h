// Blocks become panels dword by dword: a dword of a block holds bits of four consecutive k, wherever the type
// keeps them, and so does a dword of a panel. So rows are turned first, and what is left to do with the bits
// is the same for every row of a register. Written in `Rows`, which a tier file includes first.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"
#include "kernels/blocks/layouts.h"
#include "kernels/interleave.h"
#include "kernels/math.h"

namespace sluice::kernels {
namespace {

using V = Rows::V;

struct Quads {  // 32 consecutive k
  V q[8];
};

// Sixteen rows' blocks, and where the vectors of their codes go.
struct Block {
  const std::byte* const* row;
  int64_t at;  // of the block in each row
  std::byte* out;
  int first = 0;  // of the rows in a panel

  template <int kDwords>
  SLUICE_INLINE void Load(int64_t offset, V* dwords) const {
#pragma GCC unroll 4
    for (int i = 0; i < kDwords; i += 4) Rows::Load(row, at + offset + 4 * i, dwords + i);
  }

  // The vectors of 32 k: one plane of kWidth bits, which start at bit kLow of a code, then those after it.
  template <int kBits, int kWidth = 8, int kLow = 0>
  SLUICE_INLINE void Store(int group, const Quads& quads, int plane = 0) const {
    if constexpr (kWidth > 0 && (kBits & kWidth) == 0) {
      Store<kBits, kWidth / 2, kLow>(group, quads, plane);
    } else if constexpr (kWidth > 0) {
      constexpr uint32_t kMask = ((1u << kWidth) - 1) * 0x01010101u;
      constexpr int kQuads = 8 / kWidth;
#pragma GCC unroll 8
      for (int v = 0; v < kWidth; ++v) {
        V word = quads.q[v * kQuads] >> kLow & kMask;
#pragma GCC unroll 8
        for (int q = 1; q < kQuads; ++q) word |= (quads.q[v * kQuads + q] >> kLow & kMask) << q * kWidth;
        Rows::Store(word, out + (group * kBits + plane + v) * 64);
      }
      Store<kBits, kWidth / 2, kLow + kWidth>(group, quads, plane + kWidth);
    }
  }
};

constexpr uint32_t EveryByte(uint32_t b) { return b * 0x01010101u; }

SLUICE_INLINE Quads Low(const V* dwords) {  // nibbles
  Quads out;
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) out.q[i] = dwords[i] & EveryByte(15);
  return out;
}

SLUICE_INLINE Quads High(const V* dwords) {
  Quads out;
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) out.q[i] = dwords[i] >> 4 & EveryByte(15);
  return out;
}

// 16 bytes: the first half's codes in low nibbles, the second half's in high ones.
template <int kOffset>
SLUICE_INLINE Quads Nibbles32(const Block& block, int64_t chunk = 0) {
  V dwords[4];
  block.Load<4>(kOffset + 16 * chunk, dwords);
  Quads out;
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    out.q[i] = dwords[i] & EveryByte(15);
    out.q[4 + i] = dwords[i] >> 4 & EveryByte(15);
  }
  return out;
}

template <int kOffset>
struct Nibble {
  static SLUICE_INLINE void Pack(const Block& block) { block.Store<4>(0, Nibbles32<kOffset>(block)); }
};

// Bit j of the dword at kHigh is worth 16 in element j.
template <int kHigh, int kOffset>
struct FiveBits {
  static SLUICE_INLINE void Pack(const Block& block) {
    V fifth[4];
    block.Load<4>(kHigh, fifth);
    Quads quads = Nibbles32<kOffset>(block);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      const V four = fifth[0] >> 4 * i & 15;
      quads.q[i] |= (four | four << 7 | four << 14 | four << 21) << 4 & EveryByte(16);
    }
    block.Store<5>(0, quads);
  }
};

struct EightBits {  // signed; stored plus 128
  static SLUICE_INLINE void Pack(const Block& block) {
    Quads quads;
    block.Load<8>(2, quads.q);
#pragma GCC unroll 8
    for (V& q : quads.q) q ^= EveryByte(0x80);
    block.Store<8>(0, quads);
  }
};

template <int kOffset>
struct SuperNibble32 {  // chunks of 16 bytes, each as Nibble has them
  static SLUICE_INLINE void Pack(const Block& block) {
    for (int c = 0; c < 8; ++c) block.Store<4>(c, Nibbles32<kOffset>(block, c));
  }
};

template <int kOffset>
struct SuperNibble64 {  // chunks of 32 bytes: 32 codes in low nibbles, 32 in high ones
  static SLUICE_INLINE void Pack(const Block& block) {
    for (int c = 0; c < 4; ++c) {
      V dwords[8];
      block.Load<8>(kOffset + 32 * c, dwords);
      block.Store<4>(2 * c, Low(dwords));
      block.Store<4>(2 * c + 1, High(dwords));
    }
  }
};

// Bit g of byte l at kHigh belongs to element 32 g + l, there worth 1 << kShift.
template <int kShift>
SLUICE_INLINE void AddColumn(const V* high, int group, Quads* quads) {
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) quads->q[i] |= (high[i] >> group & EveryByte(1)) << kShift;
}

struct Q5K {
  static SLUICE_INLINE void Pack(const Block& block) {
    V high[8];
    block.Load<8>(16, high);
    for (int c = 0; c < 4; ++c) {
      V dwords[8];
      block.Load<8>(48 + 32 * c, dwords);
      Quads low = Low(dwords), next = High(dwords);
      AddColumn<4>(high, 2 * c, &low);
      AddColumn<4>(high, 2 * c + 1, &next);
      block.Store<5>(2 * c, low);
      block.Store<5>(2 * c + 1, next);
    }
  }
};

// 32 bytes hold the two-bit codes of 128 elements; `pair` of four.
SLUICE_INLINE Quads Pairs(const V* dwords, int pair) {
  Quads out;
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) out.q[i] = dwords[i] >> 2 * pair & EveryByte(3);
  return out;
}

template <int kOffset>
struct SuperPairs {
  static SLUICE_INLINE void Pack(const Block& block) {
    for (int half = 0; half < 2; ++half) {
      V dwords[8];
      block.Load<8>(kOffset + 32 * half, dwords);
      for (int p = 0; p < 4; ++p) block.Store<2>(4 * half + p, Pairs(dwords, p));
    }
  }
};

struct Q3K {
  static SLUICE_INLINE void Pack(const Block& block) {
    V high[8];
    block.Load<8>(0, high);
    for (int half = 0; half < 2; ++half) {
      V dwords[8];
      block.Load<8>(32 + 32 * half, dwords);
      for (int p = 0; p < 4; ++p) {
        Quads quads = Pairs(dwords, p);
        AddColumn<2>(high, 4 * half + p, &quads);
        block.Store<3>(4 * half + p, quads);
      }
    }
  }
};

struct Q6K {
  static SLUICE_INLINE void Pack(const Block& block) {
    for (int half = 0; half < 2; ++half) {
      V high[8];
      block.Load<8>(128 + 32 * half, high);
      for (int next = 0; next < 2; ++next) {
        V dwords[8];
        block.Load<8>(64 * half + 32 * next, dwords);
        block.Store<6>(4 * half + next, Joined(Low(dwords), high, next));
        block.Store<6>(4 * half + 2 + next, Joined(High(dwords), high, 2 + next));
      }
    }
  }

 private:
  static SLUICE_INLINE Quads Joined(Quads nibbles, const V* high, int pair) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) nibbles.q[i] |= (high[i] >> 2 * pair & EveryByte(3)) << 4;
    return nibbles;
  }
};

template <typename Codes, int kElements, int kBytes, int kBits>
void InterleaveBlocks(const std::byte* const* row, int64_t k, std::byte* out) {
  for (int first = 0; first < kPanelRows; first += Rows::kRows)
    for (int64_t b = 0; b < k / kElements; ++b)
      Codes::Pack(Block{row + first, b * kBytes, out + b * (kElements / 32 * kBits * 64) + first * 4});
}

template <int kBytes>
void InterleaveFloats(const std::byte* const* row, int64_t k, std::byte* out) {
  constexpr int kStep = 16 / kBytes;
  for (int first = 0; first < kPanelRows; first += Rows::kRows)
    for (int64_t i = 0; i < k / kInterleaveStep * kInterleaveStep; i += kStep) {
      V dwords[4];
      Rows::Load(row + first, i * kBytes, dwords);
      std::byte* to = out + (i * kPanelRows + first) * kBytes;
#pragma GCC unroll 4
      for (int d = 0; d < 4; ++d) {
        if constexpr (kBytes == 4) Rows::Store(dwords[d], to + d * 64);
        if constexpr (kBytes == 2) Rows::StoreHalves(dwords[d], to + d * 64);
        if constexpr (kBytes == 1) Rows::StoreBytes(dwords[d], to + d * 64);
      }
    }
}

InterleaveFn Find(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return InterleaveFloats<4>;
    case DType::kF16:
    case DType::kBF16:
      return InterleaveFloats<2>;
    case DType::kF8E4M3:
      return InterleaveFloats<1>;
    case DType::kQ8_0:
      return InterleaveBlocks<EightBits, 32, sizeof(blocks::Q8_0), 8>;
    case DType::kQ4_0:
    case DType::kIQ4_NL:
      return InterleaveBlocks<Nibble<2>, 32, sizeof(blocks::Q4_0), 4>;
    case DType::kQ4_1:
      return InterleaveBlocks<Nibble<4>, 32, sizeof(blocks::Q4_1), 4>;
    case DType::kMXFP4:
      return InterleaveBlocks<Nibble<1>, 32, sizeof(blocks::MXFP4), 4>;
    case DType::kQ5_0:
      return InterleaveBlocks<FiveBits<2, 6>, 32, sizeof(blocks::Q5_0), 5>;
    case DType::kQ5_1:
      return InterleaveBlocks<FiveBits<4, 8>, 32, sizeof(blocks::Q5_1), 5>;
    case DType::kQ2_K:
      return InterleaveBlocks<SuperPairs<16>, 256, sizeof(blocks::Q2_K), 2>;
    case DType::kTQ2_0:
      return InterleaveBlocks<SuperPairs<0>, 256, sizeof(blocks::TQ2_0), 2>;
    case DType::kQ3_K:
      return InterleaveBlocks<Q3K, 256, sizeof(blocks::Q3_K), 3>;
    case DType::kQ4_K:
      return InterleaveBlocks<SuperNibble64<16>, 256, sizeof(blocks::Q4_K), 4>;
    case DType::kQ5_K:
      return InterleaveBlocks<Q5K, 256, sizeof(blocks::Q5_K), 5>;
    case DType::kQ6_K:
      return InterleaveBlocks<Q6K, 256, sizeof(blocks::Q6_K), 6>;
    case DType::kIQ4_XS:
      return InterleaveBlocks<SuperNibble32<8>, 256, sizeof(blocks::IQ4_XS), 4>;
    default:
      return nullptr;
  }
}

}  // namespace
}  // namespace sluice::kernels
