// The choice of keys by an indexer, and the table of everything that reads cached keys. Included by each
// tier's file after attention_latent_kernels.h.
#pragma once

#include <cstdint>

#include "kernels/attention_kernels.h"
#include "kernels/attention_latent_kernels.h"
#include "kernels/table.h"

namespace sluice::kernels {
namespace {

// scores[0, 16 * kVecs) += weights[h] * max(q[h] . key, 0) for the keys from `first` on and kHeads heads in
// order.
template <class Page, int kHeads, int kVecs>
void ScoreKeysBlock(const Page& page, int first, const float* q, const float* weights, int k_dim,
                    float* scores) {
  float products[kHeads * kPageTokens];
  ScoreBlock<Page, kHeads, kVecs>(page, first, q, k_dim, products,
                                  Ahead{reinterpret_cast<const char*>(q), 0});
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
  using Page = KvPage<kType>;
  for (int64_t page = args.begin / kPageTokens; page * kPageTokens < args.end; ++page) {
    const KeyRange keys = RangeInPage(page, args.begin, args.end);
    const Page k_page(args.k_pages[page], args.k_dim);
    float scores[kPageTokens] = {};
    ForBlocks<kScoreHeads>(args.heads, [&](auto block, int h) {
      for (int v = 0; v < 2; v += kScoreVecs) {
        ScoreKeysBlock<Page, block.value, kScoreVecs>(k_page, 16 * v, args.q + int64_t{h} * args.k_dim,
                                                      args.weights + h, args.k_dim, scores + 16 * v);
      }
    });
    for (int key = keys.lo; key < keys.hi; ++key) args.out[page * kPageTokens + key] = scores[key];
  }
}

template <KvType kType>
constexpr KvKernels kKernelsOf = {Attend<kType>, AttendLatent<kType>, ScoreKeys<kType>};

void FillAttention(Table& table) {
  const KvKernels kv[kKvTypes] = {kKernelsOf<KvType::kF32>, kKernelsOf<KvType::kF16>,
                                  kKernelsOf<KvType::kBf16>, kKernelsOf<KvType::kQ8>};
  for (int type = 0; type < kKvTypes; ++type) table.kv[type] = kv[type];
  table.attend_join = AttendJoin;
  table.attend_finish = AttendFinish;
}

}  // namespace
}  // namespace sluice::kernels
