// The specification of products with panels: what every other tier must give, bit for bit.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/float16.h"
#include "kernels/integer_block.h"
#include "kernels/panel_layout.h"
#include "kernels/tiers.h"

namespace sluice::kernels {
namespace {

constexpr int kTokens = 16;  // products computed together, so that a block is unpacked once for all of them

// The parts of a quantised activation row.
struct ActRow {
  const int8_t* code;
  const float* scale;
  const int16_t* sum;

  ActRow(const std::byte* row, ActLayout at)
      : code(reinterpret_cast<const int8_t*>(row)),
        scale(reinterpret_cast<const float*>(row + at.scales_at())),
        sum(reinterpret_cast<const int16_t*>(row + at.sums_at())) {}
};

// Types with integer sub-scales. Sums within a block of 256 are exact integers; then, block after block,
//   t = d * sum(scale * code * x) - dmin * sum(min * x),  acc += x_scale * t
float AddBlock256(const IntegerBlock& w, bool minima, const ActRow& x, int64_t b, float acc) {
  int32_t dot = 0, min_dot = 0;
  for (int g = 0; g < 16; ++g) {
    int32_t sum = 0;
    for (int i = 16 * g; i < 16 * g + 16; ++i) sum += w.code[i] * x.code[256 * b + i];
    dot += w.scale[g] * sum;
  }
  float t = w.d * static_cast<float>(dot);
  if (minima) {
    for (int g = 0; g < 16; ++g) min_dot += w.min[g] * x.sum[16 * b + g];
    t = std::fma(-w.dmin, static_cast<float>(min_dot), t);
  }
  return std::fma(x.scale[b], t, acc);
}

// Types with a float scale per 32: acc += (d * x_scale) * sum(code * x), then acc += (m * x_scale) * sum(x).
float AddBlock32(const IntegerBlock& w, bool minima, const ActRow& x, int64_t b, float acc) {
  int32_t dot = 0;
  for (int i = 0; i < 32; ++i) dot += w.code[i] * x.code[32 * b + i];
  acc = std::fma(w.d * x.scale[b], static_cast<float>(dot), acc);
  if (!minima) return acc;
  const int32_t sum = x.sum[2 * b] + x.sum[2 * b + 1];
  return std::fma(w.m * x.scale[b], static_cast<float>(sum), acc);
}

template <DType kType>
void MatmulBlocks(const std::byte* panel, int64_t k, const std::byte* const* x, int64_t n, float* const* y) {
  const PanelLayout& layout = *FindPanelLayout(kType);
  const ActLayout act{k, layout.block()};
  const bool minima = HasMinima(kType);
  IntegerBlock block;
  for (int64_t first = 0; first < n; first += kTokens) {
    const int tokens = static_cast<int>(std::min<int64_t>(kTokens, n - first));
    for (int row = 0; row < kPanelRows; ++row) {
      float acc[kTokens] = {};
      for (int64_t b = 0; b < k / layout.block(); ++b) {
        LoadBlock(layout, panel, k, b, row, &block);
        for (int t = 0; t < tokens; ++t) {
          const ActRow xt(x[first + t], act);
          acc[t] = layout.block() == 256 ? AddBlock256(block, minima, xt, b, acc[t])
                                         : AddBlock32(block, minima, xt, b, acc[t]);
        }
      }
      for (int t = 0; t < tokens; ++t) y[first + t][row] = acc[t];
    }
  }
}

// Float weights, widened exactly. Four partial sums by k mod 4, each in order of k.
struct PartialSums {
  float part[4] = {};

  void Add(int64_t i, float w, float x) { part[i % 4] = std::fma(w, x, part[i % 4]); }
  float Total() const { return (part[0] + part[1]) + (part[2] + part[3]); }
};

float Widen(float w) { return w; }
struct F16 {
  uint16_t bits;
};
float Widen(F16 w) { return F16ToFloat(w.bits); }
struct BF16 {
  uint16_t bits;
};
float Widen(BF16 w) { return Bf16ToFloat(w.bits); }

template <typename Weight>
void MatmulFloats(const std::byte* panel, int64_t k, const std::byte* const* x, int64_t n, float* const* y) {
  const auto* w = reinterpret_cast<const Weight*>(panel);
  for (int64_t t = 0; t < n; ++t) {
    const auto* xt = reinterpret_cast<const float*>(x[t]);
    for (int row = 0; row < kPanelRows; ++row) {
      PartialSums sums;
      for (int64_t i = 0; i < k; ++i) sums.Add(i, Widen(w[i * kPanelRows + row]), xt[i]);
      y[t][row] = sums.Total();
    }
  }
}

// FP8 with a float scale per 128: acc += (scale * kF8Unit) * (partial sums of the block, of weights in that
// unit).
void MatmulF8(const std::byte* panel, int64_t k, const std::byte* const* x, int64_t n, float* const* y) {
  const auto* w = reinterpret_cast<const uint8_t*>(panel);
  const auto* scales = reinterpret_cast<const float*>(panel + F8ScalesAt(k));
  for (int64_t t = 0; t < n; ++t) {
    const auto* xt = reinterpret_cast<const float*>(x[t]);
    for (int row = 0; row < kPanelRows; ++row) {
      float acc = 0;
      for (int64_t b = 0; b * kF8Block < k; ++b) {
        PartialSums sums;
        for (int64_t i = b * kF8Block; i < std::min(k, (b + 1) * kF8Block); ++i)
          sums.Add(i, F8E4M3ToFloat(w[i * kPanelRows + row]) / kF8Unit, xt[i]);
        acc = std::fma(scales[b * kPanelRows + row] * kF8Unit, sums.Total(), acc);
      }
      y[t][row] = acc;
    }
  }
}

}  // namespace

void FillMatmulScalar(Table& table) {
  const auto set = [&table](DType dtype, MatmulFn fn) { table.matmul[static_cast<size_t>(dtype)] = fn; };
  set(DType::kF32, MatmulFloats<float>);
  set(DType::kF16, MatmulFloats<F16>);
  set(DType::kBF16, MatmulFloats<BF16>);
  set(DType::kF8E4M3, MatmulF8);
  set(DType::kQ8_0, MatmulBlocks<DType::kQ8_0>);
  set(DType::kQ4_0, MatmulBlocks<DType::kQ4_0>);
  set(DType::kQ4_1, MatmulBlocks<DType::kQ4_1>);
  set(DType::kQ5_0, MatmulBlocks<DType::kQ5_0>);
  set(DType::kQ5_1, MatmulBlocks<DType::kQ5_1>);
  set(DType::kIQ4_NL, MatmulBlocks<DType::kIQ4_NL>);
  set(DType::kMXFP4, MatmulBlocks<DType::kMXFP4>);
  set(DType::kQ2_K, MatmulBlocks<DType::kQ2_K>);
  set(DType::kQ3_K, MatmulBlocks<DType::kQ3_K>);
  set(DType::kQ4_K, MatmulBlocks<DType::kQ4_K>);
  set(DType::kQ5_K, MatmulBlocks<DType::kQ5_K>);
  set(DType::kQ6_K, MatmulBlocks<DType::kQ6_K>);
  set(DType::kIQ4_XS, MatmulBlocks<DType::kIQ4_XS>);
  set(DType::kIQ2_XXS, MatmulBlocks<DType::kIQ2_XXS>);
  set(DType::kIQ2_XS, MatmulBlocks<DType::kIQ2_XS>);
  set(DType::kIQ2_S, MatmulBlocks<DType::kIQ2_S>);
  set(DType::kIQ3_XXS, MatmulBlocks<DType::kIQ3_XXS>);
  set(DType::kIQ3_S, MatmulBlocks<DType::kIQ3_S>);
  set(DType::kIQ1_S, MatmulBlocks<DType::kIQ1_S>);
  set(DType::kIQ1_M, MatmulBlocks<DType::kIQ1_M>);
  set(DType::kTQ1_0, MatmulBlocks<DType::kTQ1_0>);
  set(DType::kTQ2_0, MatmulBlocks<DType::kTQ2_0>);
  FillActivationRowScalar(table);
}

}  // namespace sluice::kernels
