// Products of many tokens with panels of types that have integer sub-scales, on tiles. For tier files, after
// lanes_avx512.h and a tiles_*.h.
//
// Code times sub-scale is an integer of at most 16 bits: low + 256 * high, or one byte where it fits. A tile
// of 16 tokens x 64 k times one of 64 k x 16 rows adds 16 x 16 exact sums, so after 256 k the sums are the
// very integers that the other kernels have, and the same float steps follow.
//
// A tile of weights is what a panel's vectors are: row q holds k = 4 q ... 4 q + 3 of sixteen outputs.
#pragma once

#include "kernels/codebook_formats.h"

namespace sluice::kernels {
namespace {

static_assert(Lanes::kRows == kPanelRows);

// Where code * scale of every weight fits one signed byte, it needs one plane instead of two.
template <typename Format>
struct Planes {
  static constexpr int kCount = 2;
  static constexpr bool kNegated = false;
};
struct OnePlane {
  static constexpr int kCount = 1;
  static constexpr bool kNegated = false;
};
template <>
struct Planes<Q2_K> : OnePlane {};  // 0 ... 3 * 15
template <>
struct Planes<TQ2_0> : OnePlane {};
template <>
struct Planes<Q3_K> : OnePlane {
  static constexpr bool kNegated = true;  // -3 * 31 and -4 * -32 = 128: only the negative fits
};

// 32 k of a panel as rows of tiles: eight of each plane.
template <typename Format>
SLUICE_INLINE void SplitPiece(const std::byte* vectors, const I* scale, std::byte* low, std::byte* high) {
  using Split = Planes<Format>;
  constexpr __mmask64 kOddBytes = 0xaaaaaaaaaaaaaaaa;
  const I offset = _mm512_set1_epi16(Format::kOffset);
  const auto times = [&](I codes, I factor) __attribute__((always_inline)) {
    if constexpr (Split::kNegated) {
      codes = _mm512_sub_epi16(offset, codes);
    } else if constexpr (Format::kOffset != 0) {
      codes = _mm512_sub_epi16(codes, offset);
    }
    return _mm512_mullo_epi16(codes, factor);
  };
  Unroll<8>([&](auto q) __attribute__((always_inline)) {
    constexpr int kQuad = decltype(q)::value;
    if constexpr (kQuad < Format::kBits) Prefetch<Format, kTileRows>(vectors + kQuad * 64);
    const I codes = Format::template Quad<kQuad>(vectors).value, factor = scale[kQuad * 4 / Format::kGroup];
    const I even = times(_mm512_and_si512(codes, _mm512_set1_epi16(255)), factor);
    const I odd = times(_mm512_srli_epi16(codes, 8), factor);
    _mm512_store_si512(low + kQuad * 64, _mm512_mask_blend_epi8(kOddBytes, even, _mm512_slli_epi16(odd, 8)));
    if constexpr (Split::kCount == 2)
      _mm512_store_si512(high + kQuad * 64,
                         _mm512_mask_blend_epi8(kOddBytes, _mm512_srli_epi16(even, 8), odd));
  });
}

// Superblocks of a panel of a packed type.
template <typename F>
class PackedBlocks {
 public:
  using Format = F;
  PackedBlocks(const std::byte* panel, int64_t k)
      : fields_(panel), codes_(panel + CodesAt<Format>(k / 256)) {}
  SLUICE_INLINE void Open(int64_t) {}
  SLUICE_INLINE const std::byte* Fields(int64_t b) const {
    return fields_ + b * Format::kFieldBytes * kPanelRows;
  }
  SLUICE_INLINE const std::byte* Codes(int64_t b) const { return codes_ + b * 512 * Format::kBits; }

 private:
  const std::byte *fields_, *codes_;
};

// Superblocks of a panel of a codebook type or TQ1_0. Only the one that was opened last can be read.
template <typename Indices>
class UnpackedBlocks {
 public:
  using Format = Unpacked<Indices::kGroup>;
  UnpackedBlocks(const std::byte* panel, int64_t k) : blocks_(panel, k) {}
  void Open(int64_t b) { blocks_.Unpack(b, &unpacked_); }
  const std::byte* Fields(int64_t) const { return Bytes() + offsetof(UnpackedSuperblock, scale); }
  const std::byte* Codes(int64_t) const { return Bytes(); }

 private:
  const std::byte* Bytes() const { return reinterpret_cast<const std::byte*>(&unpacked_); }

  const IndexedBlocks<Indices> blocks_;
  UnpackedSuperblock unpacked_;
};

// One panel times up to kTokens tokens. The tiles' sums of a unit of tokens over one superblock are stored,
// and become floats while the tiles work on the next unit; meanwhile the next superblock is split into
// planes.
template <typename Blocks>
class TileProduct {
 public:
  static constexpr int kTokens = 128;

  TileProduct(const std::byte* panel, int64_t k, const std::byte* const* x, int tokens)
      : blocks_(panel, k),
        block_count_(k / 256),
        at_(ActLayout{k, 256}),
        tokens_(tokens),
        groups_((tokens + kTileRows - 1) / kTileRows) {
    // Groups are filled up with the last token; its sums are left where they are.
    for (int t = 0; t < groups_ * kTileRows; ++t) x_[t] = x[t < tokens ? t : tokens - 1];
    for (int g = 0; g < groups_; ++g) stride_[g] = StrideOf(x_ + g * kTileRows);
    for (int t = 0; t < tokens; ++t) acc_[t] = F{};
  }

  void Run(float* const* y) {
    Tiles tiles;
    tiles.Configure();
    Open(0);
    Split(0, 0, kPieces);
    Unit before;
    for (int64_t b = 0; b < block_count_; ++b) {
      const int units = (groups_ + kUnitGroups - 1) / kUnitGroups, steps = units * kSteps;
      if (b + 1 < block_count_) Open(b + 1);
      for (int u = 0; u < units; ++u) {
        const Unit unit{b, u * kUnitGroups, 1 - before.half};
        Unroll<kSumTiles>([&](auto t)
                              __attribute__((always_inline)) { tiles.template Zero<decltype(t)::value>(); });
        for (int step = 0; step < kSteps; ++step) {
          Multiply(tiles, unit, step);
          Finish(before, step);
          const int done = u * kSteps + step;
          if (b + 1 < block_count_) Split(b + 1, done * kPieces / steps, (done + 1) * kPieces / steps);
        }
        Unroll<kSumTiles>([&](auto t) __attribute__((always_inline)) {
          tiles.template Store<decltype(t)::value>(sums_[unit.half][decltype(t)::value], kTileRowBytes);
        });
        before = unit;
      }
    }
    tiles.Release();
    for (int step = 0; step < kSteps; ++step) Finish(before, step);
    for (int t = 0; t < tokens_; ++t) Lanes::Store(y[t], acc_[t]);
  }

 private:
  using Format = typename Blocks::Format;
  using PlanesOf = Planes<Format>;
  static constexpr int kSteps = 256 / kTileRowBytes;             // of a superblock: tiles of 64 k
  static constexpr int kPieces = 8;                              // of a superblock: 32 k
  static constexpr int kSumTiles = 4, kWeights = 4, kLefts = 6;  // tiles: sums, planes, then two of tokens
  static constexpr int kUnitGroups = kSumTiles / PlanesOf::kCount;
  static constexpr int kUnitTokens = kUnitGroups * kTileRows;
  static constexpr int kMinPairs = Format::kMinima ? 128 / Format::kGroup : 0;
  static constexpr int64_t kNoStride = INT64_MAX;

  // Tokens whose sums over one superblock the tiles hold at once.
  struct Unit {
    int64_t block = -1;
    int group = 0;  // of tokens, the first
    int half = 0;   // of sums_
  };

  // What a superblock's float steps need of it.
  struct Terms {
    F d, dmin;
    I min[kMinPairs > 0 ? kMinPairs : 1];
  };

  // Bytes between sixteen rows, if they lie evenly.
  static int64_t StrideOf(const std::byte* const* x) {
    const auto distance = [&](int t) {
      return static_cast<int64_t>(reinterpret_cast<uintptr_t>(x[t + 1]) - reinterpret_cast<uintptr_t>(x[t]));
    };
    for (int t = 1; t + 1 < kTileRows; ++t)
      if (distance(t) != distance(0)) return kNoStride;
    return distance(0);
  }

  SLUICE_INLINE void Open(int64_t b) {
    blocks_.Open(b);
    const std::byte* fields = blocks_.Fields(b);
    for (int i = 0; i < Format::kFieldBytes * kPanelRows; i += 64) Prefetch<Format, kTileRows>(fields + i);
    Scales s;
    Format::Unpack(fields, 0, &s);
    Unroll<256 / Format::kGroup>([&](auto g) __attribute__((always_inline)) {
      constexpr int kG = decltype(g)::value;
      scale_[kG] = Lanes::Pair<kG % 4, kG % 4, Format::kSignedScales>(s.scale[kG / 4]);
    });
    Terms& terms = terms_[b % 3];
    terms.d = Format::D(fields, 0);
    if constexpr (Format::kMinima) {
      terms.dmin = Format::Dmin(fields, 0);
      Unroll<kMinPairs>([&](auto pair) __attribute__((always_inline)) {
        constexpr int kFirst = 2 * decltype(pair)::value;
        terms.min[decltype(pair)::value] = Lanes::Pair<kFirst % 4, kFirst % 4 + 1, false>(s.min[kFirst / 4]);
      });
    }
  }

  // Pieces [first, last) of superblock b, which was opened last.
  SLUICE_INLINE void Split(int64_t b, int first, int last) {
    constexpr int kScales = 32 / Format::kGroup;
    for (int piece = first; piece < last; ++piece) {
      const int64_t row = piece % 2 * (kTileRows / 2) * kTileRowBytes;
      SplitPiece<Format>(blocks_.Codes(b) + piece * 64 * Format::kBits, scale_ + piece * kScales,
                         planes_[b % 2][piece / 2][0] + row, planes_[b % 2][piece / 2][1] + row);
    }
  }

  // Adds 64 k of a unit's tokens to its sums.
  SLUICE_INLINE void Multiply(Tiles& tiles, const Unit& unit, int step) {
    auto& planes = planes_[unit.block % 2][step];
    tiles.template Load<kWeights>(planes[0], kTileRowBytes);
    if constexpr (PlanesOf::kCount == 2) tiles.template Load<kWeights + 1>(planes[1], kTileRowBytes);
    Unroll<kUnitGroups>([&](auto g) __attribute__((always_inline)) {
      constexpr int kG = decltype(g)::value, kSum = kG * PlanesOf::kCount, kLeft = kLefts + kG % 2;
      if (unit.group + kG >= groups_) return;
      LoadTokens<kLeft>(tiles, unit.group + kG, unit.block * 256 + step * kTileRowBytes, gathered_[kG]);
      if constexpr (PlanesOf::kCount == 2) {
        tiles.template AddUnsigned<kSum, kLeft, kWeights>();
        tiles.template AddSigned<kSum + 1, kLeft, kWeights + 1>();
      } else {
        tiles.template AddSigned<kSum, kLeft, kWeights>();
      }
    });
  }

  // 64 codes of sixteen tokens from k on, through `gathered` if they do not lie evenly.
  template <int kTile>
  SLUICE_INLINE void LoadTokens(Tiles& tiles, int group, int64_t k, std::byte* gathered) {
    const std::byte* const* x = x_ + group * kTileRows;
    if (stride_[group] != kNoStride) return tiles.template Load<kTile>(x[0] + k, stride_[group]);
    for (int t = 0; t < kTileRows; ++t)
      _mm512_store_si512(gathered + t * kTileRowBytes, _mm512_loadu_si512(x[t] + k));
    tiles.template Load<kTile>(gathered, kTileRowBytes);
  }

  // A quarter of a unit's tokens: acc += x_scale * (d * dot - dmin * min_dot).
  SLUICE_INLINE void Finish(const Unit& unit, int step) {
    if (unit.block < 0) return;
    constexpr int kCount = kUnitTokens / kSteps;
    const Terms& terms = terms_[unit.block % 3];
    const int first = step * kCount, token = unit.group * kTileRows;
    const int last = token + first + kCount < tokens_ ? first + kCount : tokens_ - token;
    for (int r = first; r < last; ++r) {
      const std::byte* x = x_[token + r];
      const auto* sums = sums_[unit.half] + r / kTileRows * PlanesOf::kCount;
      const int64_t row = int64_t{r % kTileRows} * kTileRowBytes;
      I dot = Lanes::Load(sums[0] + row);
      if constexpr (PlanesOf::kCount == 2)
        dot = _mm512_add_epi32(dot, Lanes::Left(Lanes::Load(sums[1] + row), 8));
      if constexpr (PlanesOf::kNegated) dot = Lanes::Sub(I{}, dot);
      F term = Lanes::Mul(terms.d, Lanes::ToFloat(dot));
      if constexpr (Format::kMinima) {
        const int64_t at = (Format::kGroup == 32 ? at_.sum32 : at_.sum) + unit.block * 4 * kMinPairs;
        I min_dot{};
        Unroll<kMinPairs>([&](auto pair) __attribute__((always_inline)) {
          constexpr int kPair = decltype(pair)::value;
          min_dot = Lanes::AddPairs(min_dot, terms.min[kPair], LoadInt(x + at + 4 * kPair));
        });
        term = Lanes::NegFma(terms.dmin, Lanes::ToFloat(min_dot), term);
      }
      acc_[token + r] =
          Lanes::Fma(Lanes::All(LoadFloat(x + at_.scale + unit.block * 4)), term, acc_[token + r]);
    }
  }

  Blocks blocks_;
  const int64_t block_count_;
  const Offsets at_;
  const int tokens_, groups_;  // groups of sixteen tokens
  const std::byte* x_[kTokens];
  int64_t stride_[kTokens / kTileRows];  // of a group's rows, or kNoStride
  F acc_[kTokens];
  I scale_[16];     // of the superblock opened last, twice in each lane, in 16 bits
  Terms terms_[3];  // of the superblock whose sums become floats, the one in the tiles, and the next
  alignas(64) std::byte planes_[2][kSteps][2][kTileRows * kTileRowBytes];
  alignas(64) std::byte sums_[2][kSumTiles][kTileRows * kTileRowBytes];
  alignas(64) std::byte gathered_[kUnitGroups][kTileRows * kTileRowBytes];
};

// What is predicted to pay off, not measured: below this the panel's split and the tiles' latency weigh more
// than what they save. A last group of fewer tokens than kLeastInGroup is left to the avx512 kernel too.
constexpr int64_t kLeastForTiles = 16, kLeastInGroup = 4;

template <DType kType, typename Blocks>
void MatmulByTiles(const std::byte* panel, int64_t k, const std::byte* const* x, int64_t n, float* const* y) {
  while (n >= kLeastForTiles) {
    int64_t tokens = n < TileProduct<Blocks>::kTokens ? n : TileProduct<Blocks>::kTokens;
    if (tokens % kTileRows < kLeastInGroup) tokens -= tokens % kTileRows;
    TileProduct<Blocks>(panel, k, x, static_cast<int>(tokens)).Run(y);
    x += tokens;
    y += tokens;
    n -= tokens;
  }
  if (n > 0) TableFor(Isa::kAvx512).Matmul(kType, n)(panel, k, x, n, y);
}

// nullptr: the type has no product on tiles.
MatmulFn FindMatmulByTiles(DType dtype) {
  switch (dtype) {
    case DType::kQ2_K:
      return MatmulByTiles<DType::kQ2_K, PackedBlocks<Q2_K>>;
    case DType::kQ3_K:
      return MatmulByTiles<DType::kQ3_K, PackedBlocks<Q3_K>>;
    case DType::kQ4_K:
      return MatmulByTiles<DType::kQ4_K, PackedBlocks<Q45_K<4>>>;
    case DType::kQ5_K:
      return MatmulByTiles<DType::kQ5_K, PackedBlocks<Q45_K<5>>>;
    case DType::kQ6_K:
      return MatmulByTiles<DType::kQ6_K, PackedBlocks<Q6_K>>;
    case DType::kTQ2_0:
      return MatmulByTiles<DType::kTQ2_0, PackedBlocks<TQ2_0>>;
    case DType::kIQ4_XS:
      return MatmulByTiles<DType::kIQ4_XS, PackedBlocks<IQ4_XS>>;
    case DType::kIQ2_XXS:
      return MatmulByTiles<DType::kIQ2_XXS, UnpackedBlocks<IQ2_XXS>>;
    case DType::kIQ2_XS:
      return MatmulByTiles<DType::kIQ2_XS, UnpackedBlocks<IQ2_XS>>;
    case DType::kIQ2_S:
      return MatmulByTiles<DType::kIQ2_S, UnpackedBlocks<IQ2_S>>;
    case DType::kIQ3_XXS:
      return MatmulByTiles<DType::kIQ3_XXS, UnpackedBlocks<IQ3_XXS>>;
    case DType::kIQ3_S:
      return MatmulByTiles<DType::kIQ3_S, UnpackedBlocks<IQ3_S>>;
    case DType::kIQ1_S:
      return MatmulByTiles<DType::kIQ1_S, UnpackedBlocks<IQ1_S>>;
    case DType::kIQ1_M:
      return MatmulByTiles<DType::kIQ1_M, UnpackedBlocks<IQ1_M>>;
    case DType::kTQ1_0:
      return MatmulByTiles<DType::kTQ1_0, UnpackedBlocks<TQ1_0>>;
    default:
      return nullptr;
  }
}

}  // namespace
}  // namespace sluice::kernels
