// Products with panels for the vector tiers; matmul_scalar.cc says what they compute. Rows are computed
// Lanes::kRows at a time, tokens a few per pass. For tier files, after a lanes_*.h.
#pragma once

#include "kernels/activation_row.h"
#include "kernels/matmul_formats.h"
#include "kernels/panel.h"
#include "kernels/table.h"

namespace sluice::kernels {
namespace {

constexpr int kParts = kPanelRows / Lanes::kRows;  // of a panel, by rows

template <int kIndex>
struct Const {
  static constexpr int value = kIndex;
};

// f(Const<0>) ... f(Const<kCount - 1>)
template <int kCount, int kIndex = 0, typename Body>
SLUICE_INLINE void Unroll(Body f) {
  if constexpr (kIndex < kCount) {
    f(Const<kIndex>{});
    Unroll<kCount, kIndex + 1>(f);
  }
}

SLUICE_INLINE int LoadInt(const std::byte* p) {
  int value;
  __builtin_memcpy(&value, p, 4);
  return value;
}
SLUICE_INLINE float LoadFloat(const std::byte* p) {
  float value;
  __builtin_memcpy(&value, p, 4);
  return value;
}

// Brings nearer what is read soon. Callers go through a panel from its first line to its last, whatever order
// they read it in, so that the processor's own prefetchers follow one stream: they fetch most of it. Where a
// line is soon done with, a second instruction would take the place of a read. Volatile, so that it stays
// between the instructions around it: bursts do not help.
template <typename Weights, int kTokens>
SLUICE_INLINE void Prefetch(const std::byte* line) {
  if constexpr (kUnpackedInCache<Weights>) return;
  if constexpr (kTokens * kParts == 1) {
    asm volatile("prefetcht0 4096(%0)" : : "r"(line));
  } else {
    asm volatile("prefetcht1 16384(%0)\n\tprefetcht0 8192(%0)" : : "r"(line));
  }
}

// A sum to which more is added, with several tokens in the order in which it is written.
template <int kTokens>
SLUICE_INLINE I Ordered(I sum) {
  if constexpr (kTokens > 1) return Lanes::InOrder(sum);
  return sum;
}

// Adds the products of quads kFirst, ... kFirst + kCount of one group of 32 k to sum[token], times the scale.
template <typename Format, int kTokens, int kFirst, int kCount, bool kScaled>
SLUICE_INLINE void AddGroup(const std::byte* vectors, const std::byte* const* x, int64_t k, I scale, I* sum,
                            const std::byte* ahead) {
  constexpr int kPerPart =
      Lanes::QuadsPerPart(Format::kLargest) < kCount ? Lanes::QuadsPerPart(Format::kLargest) : kCount;
  static_assert(kPerPart > 0);
  constexpr bool kDirect = Lanes::kPartsAreSums && !kScaled;
  I part[kTokens];
  for (int t = 0; t < kTokens; ++t) part[t] = kDirect ? sum[t] : I{};
  Unroll<kCount>([&](auto q) __attribute__((always_inline)) {
    constexpr int kQuad = kFirst + decltype(q)::value;
    if constexpr (kQuad < Format::kBits && kQuad % kParts == 0)
      Prefetch<Format, kTokens>(ahead + kQuad / kParts * 64);
    const Lanes::Codes codes = Format::template Quad<kQuad>(vectors);
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t)
      part[t] =
          Ordered<kTokens>(Lanes::AddQuad<Format::kSigned>(part[t], codes, LoadInt(x[t] + k + 4 * kQuad)));
    constexpr int kDone = decltype(q)::value + 1;
    if constexpr (!kDirect && (kDone % kPerPart == 0 || kDone == kCount)) {
#pragma GCC unroll 16
      for (int t = 0; t < kTokens; ++t) {
        sum[t] = Ordered<kTokens>(kScaled ? Lanes::AddPart(sum[t], part[t], scale)
                                          : Lanes::AddPart(sum[t], part[t]));
        part[t] = I{};
      }
    }
  });
  if constexpr (kDirect)
    for (int t = 0; t < kTokens; ++t) sum[t] = part[t];
}

// Where the parts of an activation row are.
struct Offsets {
  int64_t scale, sum, sum32;
  explicit Offsets(ActLayout at) : scale(at.scales_at()), sum(at.sums_at()), sum32(at.sums32_at()) {}
};

// What corrects the products of codes that are offset, times the sums of 16 activations: a pair of 16 bits.
template <typename Format>
SLUICE_INLINE I MinusOffset() {
  constexpr uint32_t kMinusOffset = (0x10000u - Format::kOffset) * 0x10001u;
  return Lanes::Words(static_cast<int>(kMinusOffset));
}

// The sum of 32 activations, from those of 16.
SLUICE_INLINE float SumOf32(const std::byte* sums) {
  const int pair = LoadInt(sums);
  return static_cast<float>(static_cast<int16_t>(pair) + (pair >> 16));
}

// Sums over the groups of block b of byte * (sum of activations), for sub-scales or minima.
template <typename Format, int kTokens, bool kSigned>
SLUICE_INLINE void AddSums(const I* bytes, const std::byte* const* x, const Offsets& at, int64_t b, I* out) {
  constexpr int kPairs = 128 / Format::kGroup;
  const int64_t sums = (Format::kGroup == 32 ? at.sum32 : at.sum) + b * 4 * kPairs;
  Unroll<kPairs>([&](auto pair) __attribute__((always_inline)) {
    constexpr int kFirst = 2 * decltype(pair)::value;
    const I both = Lanes::Pair<kFirst % 4, kFirst % 4 + 1, kSigned>(bytes[kFirst / 4]);
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t)
      out[t] = Ordered<kTokens>(Lanes::AddPairs(out[t], both, LoadInt(x[t] + sums + 2 * kFirst)));
  });
}

// Block b of 256 for rows first, ..., which is where `codes` points: acc[token] += x_scale * (d * dot - dmin
// * min_dot).
template <typename Format, int kTokens>
SLUICE_INLINE void Superblock(const std::byte* codes, const std::byte* fields, int first,
                              const std::byte* const* x, int64_t b, const Offsets& at, F* acc,
                              const std::byte* ahead) {
  constexpr int kGroups = 256 / Format::kGroup, kPerVectors = 32 / Format::kGroup;
  Scales s;
  Format::Unpack(fields, first, &s);
  I scale[kGroups];
  Unroll<kGroups>([&](auto g) __attribute__((always_inline)) {
    constexpr int kG = decltype(g)::value;
    scale[kG] = Lanes::Scale<kG % 4, Format::kSignedScales>(s.scale[kG / 4]);
  });
  // A loop, not unrolled: the processor's own prefetchers follow few instructions.
  const I* next = scale;
  asm volatile("" : "+r"(next) : : "memory");
  I dot[kTokens] = {};
#pragma GCC unroll 1
  for (int64_t k = b * 256; k < b * 256 + 256; k += 32) {
    Unroll<kPerVectors>([&](auto g) __attribute__((always_inline)) {
      constexpr int kG = decltype(g)::value, kQuads = Format::kGroup / 4;
      AddGroup<Format, kTokens, kG * kQuads, kQuads, true>(codes, x, k, next[kG], dot, ahead);
    });
    codes += 64 * Format::kBits;
    ahead += 64 / kParts * Format::kBits;
    next += kPerVectors;
  }
  if constexpr (Format::kOffset != 0) {
    I excess[kTokens] = {};
    AddSums<Format, kTokens, Format::kSignedScales>(s.scale, x, at, b, excess);
    for (int t = 0; t < kTokens; ++t)
      dot[t] = Lanes::Sub(dot[t], Lanes::Left(excess[t], __builtin_ctz(Format::kOffset)));
  }
  const F d = Format::D(fields, first);
  F term[kTokens];
  for (int t = 0; t < kTokens; ++t) term[t] = Lanes::Mul(d, Lanes::ToFloat(dot[t]));
  if constexpr (Format::kMinima) {
    I min_dot[kTokens] = {};
    AddSums<Format, kTokens, false>(s.min, x, at, b, min_dot);
    const F dmin = Format::Dmin(fields, first);
    for (int t = 0; t < kTokens; ++t) term[t] = Lanes::NegFma(dmin, Lanes::ToFloat(min_dot[t]), term[t]);
  }
  for (int t = 0; t < kTokens; ++t)
    acc[t] = Lanes::Fma(Lanes::All(LoadFloat(x[t] + at.scale + b * 4)), term[t], acc[t]);
}

// Block b of 32: acc[token] += (d * x_scale) * dot, then acc[token] += (m * x_scale) * sum.
template <typename Format, int kTokens>
SLUICE_INLINE void Block32(const std::byte* codes, const std::byte* fields, int first,
                           const std::byte* const* x, int64_t b, const Offsets& at, F* acc,
                           const std::byte* ahead) {
  I dot[kTokens] = {};
  if constexpr (Format::kOffset != 0) {
    const I pair = MinusOffset<Format>();
    for (int t = 0; t < kTokens; ++t) dot[t] = Lanes::AddPairs(dot[t], pair, LoadInt(x[t] + at.sum + b * 4));
  }
  AddGroup<Format, kTokens, 0, 8, false>(codes, x, b * 32, I{}, dot, ahead);
  const F d = Format::D(fields, first);
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    const F x_scale = Lanes::All(LoadFloat(x[t] + at.scale + b * 4));
    acc[t] = Lanes::Fma(Lanes::Mul(d, x_scale), Lanes::ToFloat(dot[t]), acc[t]);
    if constexpr (Format::kMinima) {
      const F sum = Lanes::All(SumOf32(x[t] + at.sum + b * 4));
      acc[t] = Lanes::Fma(Lanes::Mul(Format::M(fields, first), x_scale), sum, acc[t]);
    }
  }
}

template <int kTokens>
SLUICE_INLINE void StoreRows(const F (*acc)[kTokens], float* const* y) {
  for (int p = 0; p < kParts; ++p)
    for (int t = 0; t < kTokens; ++t) Lanes::Store(y[t] + p * Lanes::kRows, acc[p][t]);
}

template <typename Format>
SLUICE_INLINE int64_t CodesAt(int64_t blocks) {
  return ActLayout::Align(blocks * Format::kFieldBytes * kPanelRows);
}

template <typename Format>
struct Product256 {
  static constexpr int kMaxTokens = Lanes::kTokens;
  template <int kTokens>
  void Run(const std::byte* panel, int64_t k, const std::byte* const* x, float* const* y) const {
    const Offsets at(ActLayout{k, 256});
    const std::byte* fields = panel;
    const std::byte* codes = panel + CodesAt<Format>(k / 256);
    const std::byte *ahead = panel, *due = panel;
    F acc[kParts][kTokens] = {};
    for (int64_t b = 0; b < k / 256; ++b) {
      due += Format::kFieldBytes * kPanelRows;
      for (; ahead < due; ahead += 64) Prefetch<Format, kTokens>(ahead);
      due += 512 * Format::kBits;
      for (int p = 0; p < kParts; ++p, ahead += 512 / kParts * Format::kBits)
        Superblock<Format, kTokens>(codes + p * Lanes::kRows * 4, fields, p * Lanes::kRows, x, b, at, acc[p],
                                    ahead);
      codes += 512 * Format::kBits;
      fields += Format::kFieldBytes * kPanelRows;
    }
    StoreRows<kTokens>(acc, y);
  }
};

template <typename Format>
struct Product32 {
  static constexpr int kMaxTokens = Lanes::kTokens;
  template <int kTokens>
  void Run(const std::byte* panel, int64_t k, const std::byte* const* x, float* const* y) const {
    const Offsets at(ActLayout{k, 32});
    const std::byte* fields = panel;
    const std::byte* codes = panel + CodesAt<Format>(k / 32);
    const std::byte *ahead = panel, *due = panel;
    F acc[kParts][kTokens] = {};
    for (int64_t b = 0; b < k / 32; ++b) {
      for (int p = 0; p < kParts; ++p, ahead += 64 / kParts * Format::kBits)
        Block32<Format, kTokens>(codes + p * Lanes::kRows * 4, fields, p * Lanes::kRows, x, b, at, acc[p],
                                 ahead);
      due += Format::kFieldBytes * kPanelRows + 64 * Format::kBits;
      if (ahead < due) {
        Prefetch<Format, kTokens>(ahead);
        ahead += 64;
      }
      codes += 64 * Format::kBits;
      fields += Format::kFieldBytes * kPanelRows;
    }
    StoreRows<kTokens>(acc, y);
  }
};

template <typename Product, int kTokens = Product::kMaxTokens>
SLUICE_INLINE void RunPass(const Product& product, int tokens, const std::byte* panel, int64_t k,
                           const std::byte* const* x, float* const* y) {
  if constexpr (kTokens > 1) {
    if (tokens < kTokens) return RunPass<Product, kTokens - 1>(product, tokens, panel, k, x, y);
  }
  product.template Run<kTokens>(panel, k, x, y);
}

// Passes of nearly equal size, none above kMaxTokens: 9 tokens are 5 + 4, not 8 + 1.
template <typename Product>
SLUICE_INLINE void RunPasses(const Product& product, const std::byte* panel, int64_t k,
                             const std::byte* const* x, int64_t n, float* const* y) {
  for (int64_t passes = (n + Product::kMaxTokens - 1) / Product::kMaxTokens; passes > 0; --passes) {
    const int tokens = static_cast<int>((n + passes - 1) / passes);
    RunPass(product, tokens, panel, k, x, y);
    x += tokens;
    y += tokens;
    n -= tokens;
  }
}

template <typename Product>
void Matmul(const std::byte* panel, int64_t k, const std::byte* const* x, int64_t n, float* const* y) {
  RunPasses(Product{}, panel, k, x, n, y);
}

}  // namespace
}  // namespace sluice::kernels
