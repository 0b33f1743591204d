// Attention over F32x16. Included by each tier's file after its vec_*.h; everything is local to it.
//
// For one head: keys come in pages of 32. A page's logits are s[key] = sum over d in order of fma(k[key][d],
// q[d], s). With m the highest logit so far and f = exp(m_before - m):
//   l = fma(l, f, sum of exp(s - m))   the page's sum: key i + key i + 16, then across lanes as Sum does
//   out[d] = out[d] * f, then fma(exp(s[key] - m), v[key][d], out[d]) for the keys of the range in order
// and a span's state is m, l and out. The state of the next span (m', l', out') joins it with M = max(m, m'):
//   f = exp(m - M), g = exp(m' - M), l = fma(l, f, l' * g), out[d] = fma(out'[d], g, out[d] * f)
// Nothing in this depends on which other heads share the call, nor on the blocking below.
#pragma once

#include <cstdint>

#include "kernels/attention.h"
#include "kernels/elementwise_kernels.h"
#include "kernels/kv_page_kernels.h"
#include "kernels/table.h"

namespace sluice::kernels {
namespace {

template <int kCount>
struct Fixed {
  static constexpr int value = kCount;
};

// Covers [at, n) by blocks of kMost, then of kMost / 2 ... 1: f(Fixed<block>, start). kMost is a power of
// two.
template <int kMost, class F>
SLUICE_INLINE void ForBlocks(int n, F f, int at = 0) {
  for (; at + kMost <= n; at += kMost) f(Fixed<kMost>{}, at);
  if constexpr (kMost > 1) ForBlocks<kMost / 2>(n, f, at);
}

constexpr int kGroup = 16;                   // heads whose weights are held together
constexpr int kTile = kGroup * kPageTokens;  // weights of a page for such a group

// The keys of a page that take part.
struct KeyRange {
  int lo, hi;
  bool whole() const { return lo == 0 && hi == kPageTokens; }
};

SLUICE_INLINE KeyRange RangeInPage(int64_t page, int64_t begin, int64_t end) {
  const int64_t first = page * kPageTokens;
  const auto within = [&](int64_t at) {
    return at < 0 ? 0 : static_cast<int>(at < kPageTokens ? at : kPageTokens);
  };
  return {within(begin - first), within(end - first)};
}

// What a running softmax subtracts: its highest logit, or 0 while every key is masked by an infinite bias.
SLUICE_INLINE F32x16 SoftmaxBase(F32x16 highest) {
  return Select(Less(F32x16::All(-kInfinity), highest), highest, F32x16::All(0.0f));
}

// Folds a page's highest logits into the running ones of sixteen heads: sets *factor, returns the new base.
SLUICE_INLINE F32x16 AdvanceHighest(F32x16 page_highest, float* highest, float* factor) {
  const F32x16 before = Load(highest);
  const F32x16 now = Max(before, page_highest);
  const F32x16 base = SoftmaxBase(now);
  Store(highest, now);
  Store(factor, ExpOf(before - base));
  return base;
}

// Where the weight of (head, key) lies: heads in groups of 16, a tile of 512 floats each.
struct Weights {
  const float* tiles;
  int head_stride, key_stride;
  const float* Head(int head) const { return tiles + head / kGroup * kTile + head % kGroup * head_stride; }
};

// Memory that is read soon, brought nearer a line at a time between the reads of now.
constexpr int kLine = 64;
// What one element of thirty-two positions takes, in types of two bytes or less.
template <class Page>
constexpr int kAheadStep = Page::kElementBytes == 1 ? kLine / 2 : kLine;
struct Ahead {
  const char* at;
  int step;  // 0: nothing is to be read
  SLUICE_INLINE void Read() {
    __builtin_prefetch(at);
    at += step;
  }
};

// Elements [first, first + 16 * kVecs) of kHeads heads' out, which points to them. kPart: of the only vector
// `part` lanes exist. `first` is a multiple of 32 where there are several vectors.
template <class Page, int kHeads, int kVecs, bool kPart>
void AccumulateBlock(const Page& values, int64_t value_stride, int first, KeyRange keys, const float* weight,
                     int head_stride, int key_stride, const float* factor, float* out, int64_t out_stride,
                     int part, Ahead ahead) {
  F32x16 sum[kHeads][kVecs];
  for (int h = 0; h < kHeads; ++h) {
    for (int v = 0; v < kVecs; ++v) {
      const float* at = out + h * out_stride + 16 * v;
      sum[h][v] = (kPart ? LoadPart(at, part) : Load(at)) * F32x16::All(factor[h]);
    }
  }
  for (int key = keys.lo; key < keys.hi; ++key) {
    const int64_t at = key * value_stride + first;
    for (int v = 0; v < kVecs; v += 2) ahead.Read();
    F32x16 value[kVecs];
    for (int v = 0; v < kVecs; ++v) {
      const auto scale = values.ScaleOf(first / Page::kBlock + 16 * v / Page::kBlock, key);
      value[v] = kPart ? values.GetPart(at, part, scale) : values.Get(at + 16 * v, scale);
    }
    for (int h = 0; h < kHeads; ++h) {
      const F32x16 w = F32x16::All(weight[h * head_stride + key * key_stride]);
      for (int v = 0; v < kVecs; ++v) sum[h][v] = Fma(w, value[v], sum[h][v]);
    }
  }
  for (int h = 0; h < kHeads; ++h) {
    for (int v = 0; v < kVecs; ++v) {
      float* at = out + h * out_stride + 16 * v;
      if (kPart) {
        StorePart(at, part, sum[h][v]);
      } else {
        Store(at, sum[h][v]);
      }
    }
  }
}

// out[h] = out[h] * factor[h] + the page's weighted values, for every head, kMostHeads and kMostVecs at once.
// `next`: what is read after it, or null.
template <class Page, int kMostHeads, int kMostVecs>
void AccumulateBlocks(const Page& values, int64_t value_stride, KeyRange keys, const Weights& weights,
                      const float* factor, int heads, int v_dim, float* out, const std::byte* next) {
  constexpr int kStepsPerVec = kPageTokens / 2;
  const int vecs = v_dim / 16;
  const auto ahead = [&](int vec, int h) {
    if (next == nullptr || h > 0) return Ahead{reinterpret_cast<const char*>(out), 0};
    return Ahead{reinterpret_cast<const char*>(next) + vec * kStepsPerVec * kAheadStep<Page>,
                 kAheadStep<Page>};
  };
  ForBlocks<kMostVecs>(vecs, [&](auto block_vecs, int vec) {
    ForBlocks<kMostHeads>(heads, [&](auto block_heads, int h) {
      AccumulateBlock<Page, block_heads.value, block_vecs.value, false>(
          values, value_stride, 16 * vec, keys, weights.Head(h), weights.head_stride, weights.key_stride,
          factor + h, out + int64_t{h} * v_dim + 16 * vec, v_dim, 0, ahead(vec, h));
    });
  });
  if (v_dim % 16 == 0) return;
  ForBlocks<kMostHeads>(heads, [&](auto block_heads, int h) {
    AccumulateBlock<Page, block_heads.value, 1, true>(
        values, value_stride, 16 * vecs, keys, weights.Head(h), weights.head_stride, weights.key_stride,
        factor + h, out + int64_t{h} * v_dim + 16 * vecs, v_dim, v_dim % 16, ahead(vecs, h));
  });
}

// The fewer heads there are, the more vectors at once: a sum waits for the one before it.
constexpr int AtLeast(int least, int n) { return n < least ? least : n; }

template <class Page>
void Accumulate(const Page& values, int64_t value_stride, KeyRange keys, const Weights& weights,
                const float* factor, int heads, int v_dim, float* out, const std::byte* next) {
  const auto run = [&](auto most_heads, auto most_vecs) {
    AccumulateBlocks<Page, most_heads.value, most_vecs.value>(values, value_stride, keys, weights, factor,
                                                              heads, v_dim, out, next);
  };
  if (heads == 1) return run(Fixed<1>{}, Fixed<AtLeast(4, kValueVecs)>{});
  if (heads < kValueHeads) return run(Fixed<2>{}, Fixed<AtLeast(2, kValueVecs)>{});
  run(Fixed<kValueHeads>{}, Fixed<kValueVecs>{});
}

// Joins the state of the next keys to that of the keys before them: heads [first, first + 16) of those there
// are.
void JoinHeads(const AttendState& next, const SpanUse* use, const AttendState& state, int first) {
  const F32x16 before = Load(state.highest + first), after = Load(next.highest + first);
  const F32x16 highest = Max(before, after);
  const F32x16 base = SoftmaxBase(highest);
  const F32x16 keep = ExpOf(before - base), add = ExpOf(after - base);
  float joined_highest[kGroup], joined_sum[kGroup], keeps[kGroup], adds[kGroup];
  Store(joined_highest, highest);
  Store(joined_sum, Fma(Load(state.sum + first), keep, Load(next.sum + first) * add));
  Store(keeps, keep);
  Store(adds, add);
  for (int h = 0; h < kGroup && first + h < state.heads; ++h) {
    const int head = first + h;
    if (use[head] == SpanUse::kNone) continue;
    const bool alone = use[head] == SpanUse::kFirst;
    state.highest[head] = alone ? next.highest[head] : joined_highest[h];
    state.sum[head] = alone ? next.sum[head] : joined_sum[h];
    const float* from = next.out + int64_t{head} * state.v_dim;
    float* out = state.out + int64_t{head} * state.v_dim;
    if (alone) {
      Map(from, state.v_dim, out, [](F32x16 v) { return v; });
    } else {
      Map(from, out, state.v_dim, out,
          [&](F32x16 v, F32x16 o) { return Fma(v, F32x16::All(adds[h]), o * F32x16::All(keeps[h])); });
    }
  }
}

void AttendJoin(const AttendState& next, const SpanUse* use, const AttendState& state) {
  for (int first = 0; first < state.heads; first += kGroup) JoinHeads(next, use, state, first);
}

// Divides by the sums, after letting the sinks into them. Sixteen heads; lanes past `heads` are ignored.
void FinishHeads(const float* highest, const float* sum, const float* sinks, int heads, int v_dim,
                 const float* state, float* out) {
  F32x16 total = Load(sum);
  const F32x16 top = Load(highest);
  F32x16 all = top;
  if (sinks != nullptr) all = Max(all, LoadPart(sinks, heads));
  const F32x16 base = SoftmaxBase(all);
  const F32x16 factor = ExpOf(top - base);
  total = total * factor;
  if (sinks != nullptr) total = total + ExpOf(LoadPart(sinks, heads) - base);
  const F32x16 zero = F32x16::All(0.0f);
  float inverse[16];
  Store(inverse, Select(Less(zero, Abs(total)), factor / total, Select(IsNan(total), total, zero)));
  for (int h = 0; h < heads; ++h)
    Map(state + int64_t{h} * v_dim, v_dim, out + int64_t{h} * v_dim,
        [&](F32x16 v) { return v * F32x16::All(inverse[h]); });
}

void AttendFinish(const AttendState& state, const float* sinks, float* out) {
  for (int first = 0; first < state.heads; first += kGroup) {
    const int heads = state.heads - first < kGroup ? state.heads - first : kGroup;
    const int64_t at = int64_t{first} * state.v_dim;
    FinishHeads(state.highest + first, state.sum + first, sinks == nullptr ? nullptr : sinks + first, heads,
                state.v_dim, state.out + at, out + at);
  }
}

// Logits of kHeads heads for the vectors of 16 keys from `first` on. page: [k_dim][32]; logits: [kHeads][32].
template <class Page, int kHeads, int kVecs>
void ScoreBlock(const Page& page, int first, const float* q, int k_dim, float* logits, Ahead ahead) {
  F32x16 sum[kHeads][kVecs];
  for (int h = 0; h < kHeads; ++h) {
    for (int v = 0; v < kVecs; ++v) sum[h][v] = F32x16::All(0.0f);
  }
  for (int block = 0, d = 0; d < k_dim; ++block) {
    typename Page::Scale scale[kVecs];
    for (int v = 0; v < kVecs; ++v) scale[v] = page.ScalesOfSixteen(block, first + 16 * v);
    for (const int end = k_dim - d < Page::kBlock ? k_dim : d + Page::kBlock; d < end; ++d) {
      ahead.Read();
      F32x16 key[kVecs];
      for (int v = 0; v < kVecs; ++v) key[v] = page.Get(int64_t{d} * kPageTokens + first + 16 * v, scale[v]);
      for (int h = 0; h < kHeads; ++h) {
        const F32x16 x = F32x16::All(q[int64_t{h} * k_dim + d]);
        for (int v = 0; v < kVecs; ++v) sum[h][v] = Fma(key[v], x, sum[h][v]);
      }
    }
  }
  for (int h = 0; h < kHeads; ++h) {
    for (int v = 0; v < kVecs; ++v) Store(logits + h * kPageTokens + 16 * v, sum[h][v]);
  }
}

// Caps the logits of sixteen keys, adds their bias (cut to the range, or null) and masks the keys outside.
SLUICE_INLINE F32x16 AdjustLogits(F32x16 s, float cap, const float* bias, KeyRange keys, int first) {
  if (cap != 0) {
    const F32x16 limit = F32x16::All(cap);
    s = limit * TanhOf(s / limit);
  }
  if (bias != nullptr) s = s + Load(bias + first);
  if (!keys.whole()) s = Select(LaneRange(keys.lo - first, keys.hi - first), s, F32x16::All(-kInfinity));
  return s;
}

// At most 16 heads in flight: their logits, then weights, and the state of their softmax.
struct alignas(64) HeadGroup {
  float weights[kTile];  // [16][32]
  float highest[kGroup], sum[kGroup], factor[kGroup];
  float base[kGroup], page[kGroup];  // of the current page: what is subtracted; its highest, then its sum
};

void AdjustHead(const AttendArgs& args, int head, int64_t page, KeyRange keys, float* logits,
                float* highest) {
  const float* bias = nullptr;
  float cut[kPageTokens] = {};
  if (args.bias != nullptr) {
    bias = args.bias + head * args.bias_stride + page * kPageTokens;
    if (!keys.whole()) {
      for (int i = keys.lo; i < keys.hi; ++i) cut[i] = bias[i];
      bias = cut;
    }
  }
  const F32x16 low = AdjustLogits(Load(logits), args.logit_cap, bias, keys, 0);
  const F32x16 high = AdjustLogits(Load(logits + 16), args.logit_cap, bias, keys, 16);
  Store(logits, low);
  Store(logits + 16, high);
  *highest = MaxOf(Max(low, high));
}

// Heads [lo, hi) of a group.
struct HeadRange {
  int lo, hi;
};

// Logits to weights, for heads of the group that starts at head `first`. The others' state stays: no logit of
// theirs counts, and their factor is one.
void WeighPage(const AttendArgs& args, int first, HeadRange heads, int64_t page, KeyRange keys,
               HeadGroup& group) {
  Store(group.page, F32x16::All(-kInfinity));
  for (int h = heads.lo; h < heads.hi; ++h) {
    AdjustHead(args, first + h, page, keys, group.weights + h * kPageTokens, &group.page[h]);
  }
  Store(group.base, AdvanceHighest(Load(group.page), group.highest, group.factor));
  Store(group.page, F32x16::All(0.0f));
  for (int h = heads.lo; h < heads.hi; ++h) {
    float* weights = group.weights + h * kPageTokens;
    const F32x16 base = F32x16::All(group.base[h]);
    const F32x16 low = ExpOf(Load(weights) - base);
    const F32x16 high = ExpOf(Load(weights + 16) - base);
    Store(weights, low);
    Store(weights + 16, high);
    group.page[h] = Sum(low + high);
  }
  Store(group.sum, Fma(Load(group.sum), Load(group.factor), Load(group.page)));
}

KeyRange RangeOfHead(const AttendArgs& args, int head, int64_t page) {
  if (args.ends == nullptr) return RangeInPage(page, args.begin, args.end);
  return RangeInPage(page, args.begins[head], args.ends[head]);
}

// One page for heads that see the same keys of it.
template <class Page>
void AttendPage(const AttendArgs& args, int first, HeadRange heads, int64_t page, KeyRange keys,
                HeadGroup& group, float* out) {
  const float* q = args.q + int64_t{first} * args.k_dim;
  const Page k_page(args.k_pages[page], args.k_dim), v_page(args.v_pages[page], args.v_dim);
  const std::byte* next = page + 1 < args.last_page ? args.k_pages[page + 1] : nullptr;
  ForBlocks<kScoreHeads>(
      heads.hi,
      [&](auto block, int h) {
        constexpr int kVecs = block.value * 2 <= kScoreHeads ? 2 : kScoreVecs;  // of the page's two
        for (int v = 0; v < 2; v += kVecs) {
          const bool first = v == 0 && h == heads.lo;
          ScoreBlock<Page, block.value, kVecs>(
              k_page, 16 * v, q + int64_t{h} * args.k_dim, args.k_dim,
              group.weights + h * kPageTokens + 16 * v,
              Ahead{reinterpret_cast<const char*>(args.v_pages[page]), first ? kAheadStep<Page> : 0});
        }
      },
      heads.lo);
  WeighPage(args, first, heads, page, keys, group);
  Accumulate(v_page, args.v_dim, keys, Weights{group.weights + heads.lo * kPageTokens, kPageTokens, 1},
             group.factor + heads.lo, heads.hi - heads.lo, args.v_dim, out + int64_t{heads.lo} * args.v_dim,
             next);
}

template <KvType kType>
void AttendGroup(const AttendArgs& args, int first, int heads, const AttendState& state) {
  HeadGroup group = {};
  Store(group.highest, F32x16::All(-kInfinity));
  float* out = state.out + int64_t{first} * args.v_dim;
  Map(out, int64_t{heads} * args.v_dim, out, [](F32x16) { return F32x16::All(0.0f); });
  for (int64_t page = args.begin / kPageTokens; page * kPageTokens < args.end; ++page) {
    // Heads that see the same keys go together.
    for (HeadRange run = {0, 0}; run.lo < heads; run.lo = run.hi) {
      const KeyRange keys = RangeOfHead(args, first + run.lo, page);
      for (run.hi = run.lo + 1; run.hi < heads; ++run.hi) {
        const KeyRange next = RangeOfHead(args, first + run.hi, page);
        if (next.lo != keys.lo || next.hi != keys.hi) break;
      }
      if (keys.lo < keys.hi) AttendPage<KvPage<kType>>(args, first, run, page, keys, group, out);
    }
  }
  Store(state.highest + first, Load(group.highest));
  Store(state.sum + first, Load(group.sum));
}

template <KvType kType>
void Attend(const AttendArgs& args, const AttendState& state) {
  for (int first = 0; first < args.heads; first += kGroup) {
    const int heads = args.heads - first < kGroup ? args.heads - first : kGroup;
    AttendGroup<kType>(args, first, heads, state);
  }
}

}  // namespace
}  // namespace sluice::kernels
