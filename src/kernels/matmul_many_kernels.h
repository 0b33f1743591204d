// Products of many tokens for tiers whose panels are several vectors wide. The codes of 256 k are unpacked
// once, to a byte each, and multiplied with all tokens: all rows and a few tokens at a time, so that an
// activation is broadcast once for sixteen rows. Between such blocks of k the sums rest in y. For tier files.
#pragma once

#include "kernels/matmul_kernels.h"

namespace sluice::kernels {
namespace {

constexpr int64_t kLeastMany = 8;
constexpr int kManyTokens = 4;  // most tokens in one pass

// 256 k: the bytes of quad q and all rows at [q].
using UnpackedQuads = std::byte[64][kPanelRows * 4];

// The vectors of `groups` times 32 k of a panel.
template <typename Format>
SLUICE_INLINE void Unpack(const std::byte* vectors, int64_t groups, UnpackedQuads& out) {
  for (int64_t g = 0; g < groups; ++g, vectors += 64 * Format::kBits) {
    for (int line = 0; line < Format::kBits; ++line) Prefetch<Format, kPanelRows>(vectors + line * 64);
    Unroll<8>([&](auto q) __attribute__((always_inline)) {
      constexpr int kQuad = decltype(q)::value;
      for (int p = 0; p < kParts; ++p) {
        const int at = p * Lanes::kRows * 4;
        Lanes::StoreBits(out[g * 8 + kQuad] + at, Format::template Bytes<kQuad>(vectors + at));
      }
    });
  }
}

template <int kTokens>
using IntSums = I[kParts][kTokens];
template <int kTokens>
using FloatSums = F[kParts][kTokens];

template <int kTokens, typename Body>
SLUICE_INLINE void ForSums(Body f) {
#pragma GCC unroll 8
  for (int t = 0; t < kTokens; ++t)
#pragma GCC unroll 4
    for (int p = 0; p < kParts; ++p) f(p, t);
}

// Adds the products of kCount quads from x[t] + at on, times the scale of each part.
template <typename Format, int kCount, int kTokens, bool kScaled>
SLUICE_INLINE void AddQuads(const std::byte (*quads)[kPanelRows * 4], const std::byte* const* x, int64_t at,
                            const I* scale, IntSums<kTokens>& dot) {
  constexpr int kMost = Lanes::QuadsPerPart(Format::kLargest), kPerPart = kMost < kCount ? kMost : kCount;
  IntSums<kTokens> part = {};
  Unroll<kCount>([&](auto q) __attribute__((always_inline)) {
    constexpr int kQuad = decltype(q)::value, kDone = kQuad + 1;
    Lanes::Codes codes[kParts];
    for (int p = 0; p < kParts; ++p)
      codes[p] = Format::CodesOf(Lanes::Load(quads[kQuad] + p * Lanes::kRows * 4));
    ForSums<kTokens>([&](int p, int t) __attribute__((always_inline)) {
      part[p][t] = Lanes::InOrder(
          Lanes::AddQuad<Format::kSigned>(part[p][t], codes[p], LoadInt(x[t] + at + 4 * kQuad)));
      if constexpr (kDone % kPerPart != 0 && kDone != kCount) return;
      dot[p][t] = Lanes::InOrder(kScaled ? Lanes::AddPart(dot[p][t], part[p][t], scale[p])
                                         : Lanes::AddPart(dot[p][t], part[p][t]));
      part[p][t] = I{};
    });
  });
}

// --- Integer sub-scales ---

// The fields of a superblock.
template <typename Format>
struct SuperblockScales {
  static constexpr int kPairs = 128 / Format::kGroup;  // of groups
  I scale[2 * kPairs][kParts];
  I excess[kPairs][kParts], min[kPairs][kParts];  // sub-scales and minima as AddPairs wants them
  F d[kParts], dmin[kParts];

  explicit SLUICE_INLINE SuperblockScales(const std::byte* fields) {
    for (int p = 0; p < kParts; ++p) {
      Scales s;
      Format::Unpack(fields, p * Lanes::kRows, &s);
      d[p] = Format::D(fields, p * Lanes::kRows);
      if constexpr (Format::kMinima) dmin[p] = Format::Dmin(fields, p * Lanes::kRows);
      Unroll<kPairs>([&](auto pair) __attribute__((always_inline)) {
        constexpr int kPair = decltype(pair)::value, kFirst = kPair % 2 * 2;
        const I word = s.scale[kPair / 2];
        scale[2 * kPair][p] = Lanes::Scale<kFirst, Format::kSignedScales>(word);
        scale[2 * kPair + 1][p] = Lanes::Scale<kFirst + 1, Format::kSignedScales>(word);
        if constexpr (Format::kOffset != 0)
          excess[kPair][p] = Lanes::Pair<kFirst, kFirst + 1, Format::kSignedScales>(word);
        if constexpr (Format::kMinima)
          min[kPair][p] = Lanes::Pair<kFirst, kFirst + 1, false>(s.min[kPair / 2]);
      });
    }
  }
};

// Superblock `block`, added to what is in y unless it is the first.
template <typename Format>
struct ProductOfSuperblock {
  static constexpr int kMaxTokens = kManyTokens;
  static constexpr int kPairs = SuperblockScales<Format>::kPairs;
  const std::byte (*quads)[kPanelRows * 4];
  const SuperblockScales<Format>& scales;
  int64_t block;

  template <int kTokens>
  SLUICE_INLINE void AddProducts(const std::byte* const* x, IntSums<kTokens>& dot) const {
    constexpr int kQuads = Format::kGroup / 4, kGroups = 32 / Format::kGroup;
#pragma GCC unroll 1
    for (int i = 0; i < 8; ++i)
      Unroll<kGroups>([&](auto g) __attribute__((always_inline)) {
        const int group = i * kGroups + decltype(g)::value;
        AddQuads<Format, kQuads, kTokens, true>(
            quads + group * kQuads, x, block * 256 + group * Format::kGroup, scales.scale[group], dot);
      });
  }
  // Sums over pairs of groups of their numbers times the sums of their activations.
  template <int kTokens>
  SLUICE_INLINE void AddSumsOf(const I (*numbers)[kParts], const std::byte* const* x, const Offsets& at,
                               IntSums<kTokens>& out) const {
    const int64_t sums = (Format::kGroup == 32 ? at.sum32 : at.sum) + block * 4 * kPairs;
#pragma GCC unroll 8
    for (int pair = 0; pair < kPairs; ++pair)
      ForSums<kTokens>([&](int p, int t) __attribute__((always_inline)) {
        out[p][t] =
            Lanes::InOrder(Lanes::AddPairs(out[p][t], numbers[pair][p], LoadInt(x[t] + sums + 4 * pair)));
      });
  }

  template <int kTokens>
  void Run(const std::byte*, int64_t k, const std::byte* const* x, float* const* y) const {
    const Offsets at(ActLayout{k, 256});
    IntSums<kTokens> dot = {}, excess = {}, min_dot = {};
    FloatSums<kTokens> term;
    AddProducts<kTokens>(x, dot);
    if constexpr (Format::kOffset != 0) {
      AddSumsOf<kTokens>(scales.excess, x, at, excess);
      ForSums<kTokens>([&](int p, int t) __attribute__((always_inline)) {
        dot[p][t] = Lanes::Sub(dot[p][t], Lanes::Left(excess[p][t], __builtin_ctz(Format::kOffset)));
      });
    }
    ForSums<kTokens>([&](int p, int t) __attribute__((always_inline)) {
      term[p][t] = Lanes::Mul(scales.d[p], Lanes::ToFloat(dot[p][t]));
    });
    if constexpr (Format::kMinima) {
      AddSumsOf<kTokens>(scales.min, x, at, min_dot);
      ForSums<kTokens>([&](int p, int t) __attribute__((always_inline)) {
        term[p][t] = Lanes::NegFma(scales.dmin[p], Lanes::ToFloat(min_dot[p][t]), term[p][t]);
      });
    }
    ForSums<kTokens>([&](int p, int t) __attribute__((always_inline)) {
      float* const sum = y[t] + p * Lanes::kRows;
      const F x_scale = Lanes::All(LoadFloat(x[t] + at.scale + block * 4));
      Lanes::Store(sum, Lanes::Fma(x_scale, term[p][t], block == 0 ? F{} : Lanes::LoadF32(sum)));
    });
  }
};

template <typename Format>
void MatmulMany256(const std::byte* panel, int64_t k, const std::byte* const* x, int64_t n, float* const* y) {
  if (n < kLeastMany) return Matmul<Product256<Format>>(panel, k, x, n, y);
  alignas(64) UnpackedQuads quads;
  const std::byte* codes = panel + CodesAt<Format>(k / 256);
  for (int64_t b = 0; b < k / 256; ++b) {
    const SuperblockScales<Format> scales(panel + b * Format::kFieldBytes * kPanelRows);
    Unpack<Format>(codes + b * 512 * Format::kBits, 8, quads);
    RunPasses(ProductOfSuperblock<Format>{quads, scales, b}, panel, k, x, n, y);
  }
}

// --- A float scale per 32 ---

// Blocks [first, first + count), at most eight, added to what is in y unless they are the first.
template <typename Format>
struct ProductOfBlocks {
  static constexpr int kMaxTokens = kManyTokens;
  alignas(64) UnpackedQuads quads;
  F d[8][kParts], m[8][kParts];
  int64_t first, count;

  ProductOfBlocks(const std::byte* fields, const std::byte* codes, int64_t first, int64_t count)
      : first(first), count(count) {
    Unpack<Format>(codes + first * 64 * Format::kBits, count, quads);
    fields += first * Format::kFieldBytes * kPanelRows;
    for (int64_t i = 0; i < count; ++i, fields += Format::kFieldBytes * kPanelRows)
      for (int p = 0; p < kParts; ++p) {
        d[i][p] = Format::D(fields, p * Lanes::kRows);
        if constexpr (Format::kMinima) m[i][p] = Format::M(fields, p * Lanes::kRows);
      }
  }

  // Block `first` + i.
  template <int kTokens>
  SLUICE_INLINE void AddProducts(int64_t i, const std::byte* const* x, const Offsets& at,
                                 IntSums<kTokens>& dot) const {
    const int64_t at_k = (first + i) * 32;
    AddQuads<Format, 8, kTokens, false>(quads + i * 8, x, at_k, nullptr, dot);
    if constexpr (Format::kOffset == 0) return;
    const I pair = MinusOffset<Format>();
    ForSums<kTokens>([&](int p, int t) __attribute__((always_inline)) {
      dot[p][t] = Lanes::AddPairs(dot[p][t], pair, LoadInt(x[t] + at.sum + (first + i) * 4));
    });
  }

  template <int kTokens>
  void Run(const std::byte*, int64_t k, const std::byte* const* x, float* const* y) const {
    const Offsets at(ActLayout{k, 32});
    FloatSums<kTokens> acc;
    ForSums<kTokens>([&](int p, int t) __attribute__((always_inline)) {
      acc[p][t] = first == 0 ? F{} : Lanes::LoadF32(y[t] + p * Lanes::kRows);
    });
#pragma GCC unroll 1
    for (int64_t i = 0; i < count; ++i) {
      IntSums<kTokens> dot = {};
      AddProducts<kTokens>(i, x, at, dot);
      ForSums<kTokens>([&](int p, int t) __attribute__((always_inline)) {
        const F x_scale = Lanes::All(LoadFloat(x[t] + at.scale + (first + i) * 4));
        acc[p][t] = Lanes::Fma(Lanes::Mul(d[i][p], x_scale), Lanes::ToFloat(dot[p][t]), acc[p][t]);
        if constexpr (Format::kMinima) {
          const F sum = Lanes::All(SumOf32(x[t] + at.sum + (first + i) * 4));
          acc[p][t] = Lanes::Fma(Lanes::Mul(m[i][p], x_scale), sum, acc[p][t]);
        }
      });
    }
    StoreRows<kTokens>(acc, y);
  }
};

template <typename Format>
void MatmulMany32(const std::byte* panel, int64_t k, const std::byte* const* x, int64_t n, float* const* y) {
  if (n < kLeastMany) return Matmul<Product32<Format>>(panel, k, x, n, y);
  const int64_t blocks = k / 32;
  for (int64_t b = 0; b < blocks; b += 8)
    RunPasses(
        ProductOfBlocks<Format>(panel, panel + CodesAt<Format>(blocks), b, blocks - b < 8 ? blocks - b : 8),
        panel, k, x, n, y);
}

}  // namespace
}  // namespace sluice::kernels
