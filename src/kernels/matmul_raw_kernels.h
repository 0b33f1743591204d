// Products with panels of raw blocks: each superblock is unpacked once, then multiplied with all tokens.
// Between superblocks the sums rest in y. For tier files.
#pragma once

#include "kernels/matmul_kernels.h"

namespace sluice::kernels {
namespace {

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
      Superblock<Unpacked, kTokens>(superblock + p * Lanes::kRows * 4,
                                    superblock + offsetof(RawSuperblock, scale), p * Lanes::kRows, x, block,
                                    at, acc[p], superblock);
    }
    StoreRows<kTokens>(acc, y);
  }
};

// All raw types share these passes.
void MatmulUnpacked(const RawSuperblock& unpacked, int64_t block, int64_t k, const std::byte* const* x,
                    int64_t n, float* const* y) {
  RunPasses(ProductUnpacked{block}, reinterpret_cast<const std::byte*>(&unpacked), k, x, n, y);
}

template <DType kType>
void MatmulRaw(const std::byte* panel, int64_t k, const std::byte* const* x, int64_t n, float* const* y) {
  const int64_t bytes = int64_t{Info(kType).block_bytes} * kPanelRows;
  RawSuperblock unpacked;
  for (int64_t b = 0; b < k / 256; ++b) {
    UnpackRawSuperblock(kType, panel + b * bytes, &unpacked);
    MatmulUnpacked(unpacked, b, k, x, n, y);
  }
}

void FillRaw(Table& table) {
  table.matmul[static_cast<size_t>(DType::kIQ2_XXS)] = MatmulRaw<DType::kIQ2_XXS>;
  table.matmul[static_cast<size_t>(DType::kIQ2_XS)] = MatmulRaw<DType::kIQ2_XS>;
  table.matmul[static_cast<size_t>(DType::kIQ2_S)] = MatmulRaw<DType::kIQ2_S>;
  table.matmul[static_cast<size_t>(DType::kIQ3_XXS)] = MatmulRaw<DType::kIQ3_XXS>;
  table.matmul[static_cast<size_t>(DType::kIQ3_S)] = MatmulRaw<DType::kIQ3_S>;
  table.matmul[static_cast<size_t>(DType::kIQ1_S)] = MatmulRaw<DType::kIQ1_S>;
  table.matmul[static_cast<size_t>(DType::kIQ1_M)] = MatmulRaw<DType::kIQ1_M>;
  table.matmul[static_cast<size_t>(DType::kTQ1_0)] = MatmulRaw<DType::kTQ1_0>;
}

}  // namespace
}  // namespace sluice::kernels
