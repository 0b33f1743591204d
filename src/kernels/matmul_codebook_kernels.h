// Products with panels of codebook types and TQ1_0. With few tokens, codes are multiplied as they are
// unpacked; with many, each superblock is unpacked once, then multiplied with all tokens, and between
// superblocks the sums rest in y. For tier files.
#pragma once

#include "kernels/codebook_formats.h"
#include "kernels/matmul_many_kernels.h"

namespace sluice::kernels {
namespace {

// Block b of one token for rows s.first, ...: acc + x_scale * (d * dot).
template <typename Format>
SLUICE_INLINE F AddIndexed(const Indexed& s, const std::byte* x, int64_t b, const Offsets& at, F acc) {
  constexpr int kPerGroup = Format::kScaled ? Format::kGroup / 4 : Format::kBatchQuads;
  constexpr int kMost = Lanes::QuadsPerPart(Format::kLargest),
                kPerPart = kMost < kPerGroup ? kMost : kPerGroup;
  Scales scales;
  Format::Unpack(s.fields, s.first, &scales);
  I scale[256 / Format::kGroup];
  Unroll<256 / Format::kGroup>([&](auto g) __attribute__((always_inline)) {
    constexpr int kG = decltype(g)::value;
    scale[kG] = Lanes::Scale<kG % 4, false>(scales.scale[kG / 4]);
  });
  const I* next = scale;
  asm volatile("" : "+r"(next) : : "memory");  // which is indexed: the loop is not unrolled
  I dot{};
#pragma GCC unroll 1
  for (int batch = 0; batch < Format::kBatches; ++batch) {
    I part{};
    s.PrefetchBatch<Format>(batch);
    Format::Batch(s, batch, [&](auto q, int quad, Lanes::Codes codes) __attribute__((always_inline)) {
      constexpr int kQuad = decltype(q)::value, kDone = kQuad % kPerGroup + 1;
      part = Lanes::AddQuad<Format::kSigned>(part, codes, LoadInt(x + b * 256 + 4 * quad));
      if constexpr (Format::kScaled && (kDone % kPerPart == 0 || kDone == kPerGroup)) {
        dot = Lanes::AddPart(dot, part, next[kQuad / kPerGroup]);
        part = I{};
      }
    });
    if constexpr (!Format::kScaled) dot = Lanes::AddPart(dot, part);
    next += Format::kBatchQuads / kPerGroup;
  }
  if constexpr (Format::kOffset != 0) {
    I excess{};
    AddSums<Format, 1, false>(scales.scale, &x, at, b, &excess);
    dot = Lanes::Sub(dot, Lanes::Left(excess, __builtin_ctz(Format::kOffset)));
  }
  const F term = Lanes::Mul(Format::D(s.fields, s.first), Lanes::ToFloat(dot));
  return Lanes::Fma(Lanes::All(LoadFloat(x + at.scale + b * 4)), term, acc);
}

template <typename Format>
void MultiplyOne(const IndexedBlocks<Format>& blocks, int64_t k, const std::byte* x, float* y) {
  const Offsets at(ActLayout{k, 256});
  F acc[kParts] = {};
  SignBuffer buffer;
  for (int64_t b = 0; b < k / 256; ++b) {
    Indexed s = blocks.At(b, &buffer);
    for (int p = 0; p < kParts; ++p, s.first += Lanes::kRows)
      acc[p] = AddIndexed<Format>(s, x, b, at, acc[p]);
  }
  for (int p = 0; p < kParts; ++p) Lanes::Store(y + p * Lanes::kRows, acc[p]);
}

template <int kGroup>
struct ProductUnpacked {
  static constexpr int kMaxTokens = Lanes::kTokens;
  int64_t block;

  template <int kTokens>
  void Run(const std::byte* superblock, int64_t k, const std::byte* const* x, float* const* y) const {
    const Offsets at(ActLayout{k, 256});
    F acc[kParts][kTokens];
    for (int p = 0; p < kParts; ++p) {
      for (int t = 0; t < kTokens; ++t)
        acc[p][t] = block == 0 ? F{} : Lanes::LoadF32(y[t] + p * Lanes::kRows);
      Superblock<Unpacked<kGroup>, kTokens>(superblock + p * Lanes::kRows * 4,
                                            superblock + offsetof(UnpackedSuperblock, scale),
                                            p * Lanes::kRows, x, block, at, acc[p], superblock);
    }
    StoreRows<kTokens>(acc, y);
  }
};

// All types with as many scales share these passes.
template <int kGroup>
void MatmulUnpacked(const UnpackedSuperblock& unpacked, int64_t block, int64_t k, const std::byte* const* x,
                    int64_t n, float* const* y) {
  if constexpr (kParts > 1) {
    using Format = Unpacked<kGroup>;
    const SuperblockScales<Format> scales(reinterpret_cast<const std::byte*>(unpacked.scale));
    RunPasses(ProductOfSuperblock<Format>{unpacked.code, scales, block}, nullptr, k, x, n, y);
  } else {
    RunPasses(ProductUnpacked<kGroup>{block}, reinterpret_cast<const std::byte*>(&unpacked), k, x, n, y);
  }
}

template <typename Format>
void MatmulIndexed(const std::byte* panel, int64_t k, const std::byte* const* x, int64_t n, float* const* y) {
  const IndexedBlocks<Format> blocks(panel, k);
  if (n == 1) return MultiplyOne(blocks, k, *x, *y);
  UnpackedSuperblock unpacked;
  for (int64_t b = 0; b < k / 256; ++b) {
    blocks.Unpack(b, &unpacked);
    MatmulUnpacked<Format::kGroup>(unpacked, b, k, x, n, y);
  }
}

void FillIndexed(Table& table) {
  table.matmul[static_cast<size_t>(DType::kIQ2_XXS)] = MatmulIndexed<IQ2_XXS>;
  table.matmul[static_cast<size_t>(DType::kIQ2_XS)] = MatmulIndexed<IQ2_XS>;
  table.matmul[static_cast<size_t>(DType::kIQ2_S)] = MatmulIndexed<IQ2_S>;
  table.matmul[static_cast<size_t>(DType::kIQ3_XXS)] = MatmulIndexed<IQ3_XXS>;
  table.matmul[static_cast<size_t>(DType::kIQ3_S)] = MatmulIndexed<IQ3_S>;
  table.matmul[static_cast<size_t>(DType::kIQ1_S)] = MatmulIndexed<IQ1_S>;
  table.matmul[static_cast<size_t>(DType::kIQ1_M)] = MatmulIndexed<IQ1_M>;
  table.matmul[static_cast<size_t>(DType::kTQ1_0)] = MatmulIndexed<TQ1_0>;
}

}  // namespace
}  // namespace sluice::kernels
