// Attention over a compressed cache that all heads share: attention_kernels.h's arithmetic, to the bit, with
// sixteen heads in the lanes of the logits. Included by each tier's file after attention_kernels.h.
#pragma once

#include <cstdint>

#include "kernels/attention_kernels.h"
#include "kernels/table.h"

namespace sluice::kernels {
namespace {

// The scratch, cut up. `lanes` is the number of heads, rounded up to 16.
struct LatentScratch {
  LatentScratch(const AttendLatentArgs& args, int lanes)
      : q(args.scratch),
        weights(q + int64_t{lanes} * args.k_dim),
        factor(weights + int64_t{lanes} * kPageTokens),
        rows(factor + lanes) {}

  float* q;        // [lanes / 16][k_dim][16]
  float* weights;  // [lanes / 16][32][16]: logits, then weights
  float* factor;   // [lanes]
  float* rows;     // [32][k_dim]: a page of another type, widened
};

void TransposeQueries(const AttendLatentArgs& args, int lanes, float* q) {
  for (int first = 0; first < lanes; first += 16) {
    const float* from = args.q + int64_t{first} * args.k_dim;
    const int heads = args.heads - first < 16 ? args.heads - first : 16;
    for (int64_t d = 0; d < args.k_dim; ++d, q += 16) {
      for (int h = 0; h < 16; ++h) q[h] = h < heads ? from[h * args.k_dim + d] : 0.0f;
    }
  }
}

// The page's rows as floats; of floats themselves.
template <KvType kType>
SLUICE_INLINE const float* WidenRows(const std::byte* page, int64_t k_dim, KeyRange keys, float* rows) {
  if constexpr (kType == KvType::kF32) return reinterpret_cast<const float*>(page);
  using Page = KvPage<kType>;
  const Page from(page, k_dim);
  for (int key = keys.lo; key < keys.hi; ++key) {
    for (int64_t d = 0; d < k_dim; d += 16) {
      const int64_t i = key * k_dim + d;
      const auto scale = from.ScaleOf(d / Page::kBlock, key);
      if (d + 16 <= k_dim) {
        Store(rows + i, from.Get(i, scale));
      } else {
        const int rest = static_cast<int>(k_dim - d);
        StorePart(rows + i, rest, from.GetPart(i, rest, scale));
      }
    }
  }
  return rows;
}

// Logits of kKeys keys for kVecs vectors of heads. q: [kVecs][k_dim][16]; logits: [kVecs][32][16].
template <int kKeys, int kVecs>
void ScoreLatentBlock(const float* rows, const float* q, int64_t k_dim, float* logits) {
  F32x16 sum[kKeys][kVecs];
  for (int key = 0; key < kKeys; ++key) {
    for (int v = 0; v < kVecs; ++v) sum[key][v] = F32x16::All(0.0f);
  }
  for (int64_t d = 0; d < k_dim; ++d) {
    F32x16 x[kVecs];
    for (int v = 0; v < kVecs; ++v) x[v] = Load(q + (v * k_dim + d) * 16);
    for (int key = 0; key < kKeys; ++key) {
      const F32x16 k = F32x16::All(rows[key * k_dim + d]);
      for (int v = 0; v < kVecs; ++v) sum[key][v] = Fma(k, x[v], sum[key][v]);
    }
  }
  for (int key = 0; key < kKeys; ++key) {
    for (int v = 0; v < kVecs; ++v) Store(logits + v * kTile + key * 16, sum[key][v]);
  }
}

// Logits to weights for sixteen heads; weights: [32][16].
void WeighLatentPage(KeyRange keys, float* weights, float* highest, float* sum, float* factor) {
  F32x16 top = F32x16::All(-kInfinity);
  for (int key = keys.lo; key < keys.hi; ++key) top = Max(top, Load(weights + key * 16));
  const F32x16 base = AdvanceHighest(top, highest, factor);
  F32x16 part[kPageTokens];
  for (int key = 0; key < kPageTokens; ++key) {
    const bool inside = key >= keys.lo && key < keys.hi;
    part[key] = inside ? ExpOf(Load(weights + key * 16) - base) : F32x16::All(0.0f);
    Store(weights + key * 16, part[key]);
  }
  for (int half = kPageTokens / 2; half > 0; half /= 2) {
    for (int key = 0; key < half; ++key) part[key] = part[key] + part[key + half];
  }
  Store(sum, Fma(Load(sum), Load(factor), part[0]));
}

template <KvType kType>
void AttendLatent(const AttendLatentArgs& args, const AttendState& state) {
  const int lanes = (args.heads + 15) / 16 * 16;
  const LatentScratch scratch(args, lanes);
  TransposeQueries(args, lanes, scratch.q);
  for (int h = 0; h < lanes; h += 16) {
    Store(state.highest + h, F32x16::All(-kInfinity));
    Store(state.sum + h, F32x16::All(0.0f));
  }
  Map(state.out, int64_t{args.heads} * args.v_dim, state.out, [](F32x16) { return F32x16::All(0.0f); });
  for (int64_t page = args.begin / kPageTokens; page * kPageTokens < args.end; ++page) {
    const KeyRange keys = RangeInPage(page, args.begin, args.end);
    const float* rows = WidenRows<kType>(args.pages[page], args.k_dim, keys, scratch.rows);
    ForBlocks<kLatentHeadVecs>(lanes / 16, [&](auto vecs, int vec) {
      ForBlocks<kLatentKeys>(
          keys.hi,
          [&](auto block, int key) {
            ScoreLatentBlock<block.value, vecs.value>(rows + int64_t{key} * args.k_dim,
                                                      scratch.q + int64_t{vec} * 16 * args.k_dim, args.k_dim,
                                                      scratch.weights + vec * kTile + key * 16);
          },
          keys.lo);
    });
    for (int h = 0; h < lanes; h += 16) {
      WeighLatentPage(keys, scratch.weights + h / 16 * kTile, state.highest + h, state.sum + h,
                      scratch.factor + h);
    }
    const KvPage<KvType::kF32> values(reinterpret_cast<const std::byte*>(rows), args.k_dim);
    Accumulate(values, args.k_dim, keys, Weights{scratch.weights, 1, 16}, scratch.factor, args.heads,
               args.v_dim, state.out, nullptr);
  }
}

}  // namespace
}  // namespace sluice::kernels
