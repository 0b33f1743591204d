// Products with panels of floats, in FP32. For tier files.
#pragma once

#include "kernels/matmul_kernels.h"
#include "kernels/panel_layout.h"

namespace sluice::kernels {
namespace {

struct F32Weights {
  static constexpr int kBytes = 4;
  static SLUICE_INLINE F Load(const std::byte* p) { return Lanes::LoadF32(p); }
};
struct F16Weights {
  static constexpr int kBytes = 2;
  static SLUICE_INLINE F Load(const std::byte* p) { return Lanes::LoadF16(p); }
};
struct BF16Weights {
  static constexpr int kBytes = 2;
  static SLUICE_INLINE F Load(const std::byte* p) { return Lanes::LoadBF16(p); }
};
struct F8Weights {  // in units of kF8Unit
  static constexpr int kBytes = 1;
  static SLUICE_INLINE F Load(const std::byte* p) { return Lanes::LoadF8(p); }
};

// The four partial sums of each token, by k mod 4.
template <int kTokens>
struct PartialSums {
  F part[kTokens][4];

  SLUICE_INLINE void Add(int j, F w, const std::byte* const* x, int64_t k) {
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t)
      part[t][j] = Lanes::Fma(w, Lanes::All(LoadFloat(x[t] + 4 * k)), part[t][j]);
  }
  SLUICE_INLINE F Total(int t) const {
    return Lanes::Add(Lanes::Add(part[t][0], part[t][1]), Lanes::Add(part[t][2], part[t][3]));
  }
};

// Adds k in [begin, end), begin a multiple of 4. `w` points to this part's rows at k = 0.
template <typename Weights, int kTokens>
SLUICE_INLINE void AddChunk(const std::byte* w, const std::byte* const* x, int64_t begin, int64_t end,
                            PartialSums<kTokens>* sums) {
  constexpr int kStride = Weights::kBytes * kPanelRows;
  PartialSums<kTokens> local = *sums;
  int64_t k = begin;
  for (; k + 4 <= end; k += 4) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      if (j * kStride % 64 == 0) Prefetch<Weights, kTokens>(w + (k + j) * kStride);
      local.Add(j, Weights::Load(w + (k + j) * kStride), x, k + j);
    }
  }
  for (int j = 0; k + j < end; ++j) local.Add(j, Weights::Load(w + (k + j) * kStride), x, k + j);
  *sums = local;
}

constexpr int64_t kChunk = 128;  // k per part of the rows; of the FP8 types, k that share a scale
static_assert(kChunk == kF8Block);

SLUICE_INLINE int64_t ChunkEnd(int64_t begin, int64_t k) { return begin + kChunk < k ? begin + kChunk : k; }

// The same for all rows with many tokens, one partial sum of each at a time: a weight is widened once for all
// of them, and an activation broadcast once for all rows.
template <typename Weights, int kTokens>
SLUICE_INLINE void AddChunkToMany(const std::byte* w, const std::byte* const* x, int64_t begin, int64_t end,
                                  PartialSums<kTokens>* sums) {
  constexpr int kStride = Weights::kBytes * kPanelRows;
#pragma GCC unroll 1
  for (int j = 0; j < 4; ++j) {
    F part[kParts][kTokens];
    for (int p = 0; p < kParts; ++p)
      for (int t = 0; t < kTokens; ++t) part[p][t] = sums[p].part[t][j];
#pragma GCC unroll 1
    for (int64_t k = begin + j; k < end; k += 4) {
      for (int i = 0; j == 0 && i < 4 * kStride; i += 64) Prefetch<Weights, kTokens>(w + k * kStride + i);
      F weight[kParts];
      for (int p = 0; p < kParts; ++p)
        weight[p] = Weights::Load(w + k * kStride + p * Lanes::kRows * Weights::kBytes);
#pragma GCC unroll 16
      for (int t = 0; t < kTokens; ++t)
#pragma GCC unroll 4
        for (int p = 0; p < kParts; ++p)
          part[p][t] = Lanes::Fma(weight[p], Lanes::All(LoadFloat(x[t] + 4 * k)), part[p][t]);
    }
    for (int p = 0; p < kParts; ++p)
      for (int t = 0; t < kTokens; ++t) sums[p].part[t][j] = part[p][t];
  }
}

template <int kTokens>
constexpr bool kManyFloats = kTokens > Lanes::kFloatTokens;

template <typename Weights>
struct ProductFloat {
  static constexpr int kMaxTokens = 2 * Lanes::kFloatTokens;
  template <int kTokens>
  void Run(const std::byte* panel, int64_t k, const std::byte* const* x, float* const* y) const {
    PartialSums<kTokens> sums[kParts] = {};
    for (int64_t begin = 0; begin < k; begin += kChunk) {
      const int64_t end = ChunkEnd(begin, k);
      if constexpr (kManyFloats<kTokens>) {
        AddChunkToMany<Weights>(panel, x, begin, end, sums);
      } else {
        for (int p = 0; p < kParts; ++p)
          AddChunk<Weights>(panel + p * Lanes::kRows * Weights::kBytes, x, begin, end, &sums[p]);
      }
    }
    for (int p = 0; p < kParts; ++p)
      for (int t = 0; t < kTokens; ++t) Lanes::Store(y[t] + p * Lanes::kRows, sums[p].Total(t));
  }
};

struct ProductF8 {
  static constexpr int kMaxTokens = 2 * Lanes::kFloatTokens;
  template <int kTokens>
  void Run(const std::byte* panel, int64_t k, const std::byte* const* x, float* const* y) const {
    const std::byte* scales = panel + F8ScalesAt(k);
    F acc[kParts][kTokens] = {};
    for (int64_t begin = 0; begin < k; begin += kChunk, scales += 4 * kPanelRows) {
      const int64_t end = ChunkEnd(begin, k);
      PartialSums<kTokens> all[kManyFloats<kTokens> ? kParts : 1] = {};
      if constexpr (kManyFloats<kTokens>) AddChunkToMany<F8Weights>(panel, x, begin, end, all);
      for (int p = 0; p < kParts; ++p) {
        PartialSums<kTokens> sums = all[kManyFloats<kTokens> ? p : 0];
        if constexpr (!kManyFloats<kTokens>)
          AddChunk<F8Weights>(panel + p * Lanes::kRows, x, begin, end, &sums);
        const F scale = Lanes::Mul(Lanes::LoadF32(scales + 4 * p * Lanes::kRows), Lanes::All(kF8Unit));
        for (int t = 0; t < kTokens; ++t) acc[p][t] = Lanes::Fma(scale, sums.Total(t), acc[p][t]);
      }
    }
    StoreRows<kTokens>(acc, y);
  }
};

void FillFloat(Table& table) {
  table.matmul[static_cast<size_t>(DType::kF32)] = Matmul<ProductFloat<F32Weights>>;
  table.matmul[static_cast<size_t>(DType::kF16)] = Matmul<ProductFloat<F16Weights>>;
  table.matmul[static_cast<size_t>(DType::kBF16)] = Matmul<ProductFloat<BF16Weights>>;
  table.matmul[static_cast<size_t>(DType::kF8E4M3)] = Matmul<ProductF8>;
}

}  // namespace
}  // namespace sluice::kernels
