// The choice of keys by an indexer, and the table of everything that reads cached keys. Included by each
// tier's file after attention_latent_kernels.h.
#pragma once

#include <cstdint>

#include "kernels/attention_kernels.h"
#include "kernels/attention_latent_kernels.h"
#include "kernels/table.h"

namespace sluice::kernels {
namespace {

// scores[0, 16 * kVecs) += weights[h] * max(q[h] . key, 0), for kHeads heads in order.
template <class T, int kHeads, int kVecs>
void ScoreKeysBlock(const T* page, const float* q, const float* weights, int k_dim, float* scores) {
  float products[kHeads * kPageTokens];
  ScoreBlock<T, kHeads, kVecs>(page, q, k_dim, products, Ahead{reinterpret_cast<const char*>(page), 0});
  for (int v = 0; v < kVecs; ++v) {
    F32x16 sum = Load(scores + 16 * v);
    for (int h = 0; h < kHeads; ++h) {
      const F32x16 product = Max(Load(products + h * kPageTokens + 16 * v), F32x16::All(0.0f));
      sum = Fma(F32x16::All(weights[h]), product, sum);
    }
    Store(scores + 16 * v, sum);
  }
}

template <KvType kType>
void ScoreKeys(const ScoreKeysArgs& args) {
  using T = typename KvElement<kType>::Type;
  for (int64_t page = args.begin / kPageTokens; page * kPageTokens < args.end; ++page) {
    const KeyRange keys = RangeInPage(page, args.begin, args.end);
    const auto* k_page = reinterpret_cast<const T*>(args.k_pages[page]);
    float scores[kPageTokens] = {};
    ForBlocks<kScoreHeads>(args.heads, [&](auto block, int h) {
      for (int v = 0; v < 2; v += kScoreVecs) {
        ScoreKeysBlock<T, block.value, kScoreVecs>(k_page + 16 * v, args.q + int64_t{h} * args.k_dim,
                                                   args.weights + h, args.k_dim, scores + 16 * v);
      }
    });
    for (int key = keys.lo; key < keys.hi; ++key) args.out[page * kPageTokens + key] = scores[key];
  }
}

void FillAttention(Table& table) {
  table.attend_f32 = Attend<KvType::kF32>;
  table.attend_f16 = Attend<KvType::kF16>;
  table.attend_latent_f32 = AttendLatent<KvType::kF32>;
  table.attend_latent_f16 = AttendLatent<KvType::kF16>;
  table.attend_join = AttendJoin;
  table.attend_finish = AttendFinish;
  table.score_keys_f32 = ScoreKeys<KvType::kF32>;
  table.score_keys_f16 = ScoreKeys<KvType::kF16>;
}

}  // namespace
}  // namespace sluice::kernels
