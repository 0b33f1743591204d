// The gated delta rule and the short convolution before it, over F32x16. Included by each tier's file after
// its vec_*.h; everything is local to it.
//
// Columns of a state do not meet, so each is computed alone, whatever the blocking. For column j and one
// token:
//   m = sum over i in order of fma(k[i], S[i][j], m)
//   d = (v[j] - decay * m) * beta
//   S[i][j] = fma(k[i], d, decay * S[i][j]);  out[j] = sum over i in order of fma(q[i], S[i][j], out[j])
#pragma once

#include <cstdint>

#include "kernels/attention_kernels.h"
#include "kernels/table.h"

namespace sluice::kernels {
namespace {

// One token and kVecs vectors of columns from `at`. `last` < 16: only so many lanes of the last vector exist.
template <int kVecs, bool kPart>
SLUICE_INLINE void DeltaBlock(const DeltaArgs& args, int64_t t, int64_t at, int last) {
  const auto load = [last](const float* p, int v) {
    return kPart && v == kVecs - 1 ? LoadPart(p + 16 * v, last) : Load(p + 16 * v);
  };
  const auto store = [last](float* p, int v, F32x16 x) {
    kPart&& v == kVecs - 1 ? StorePart(p + 16 * v, last, x) : Store(p + 16 * v, x);
  };
  const float *q = args.q[t], *k = args.k[t];
  const F32x16 decay = F32x16::All(args.decay[t]), beta = F32x16::All(args.beta[t]);
  float* state = args.state + at;
  F32x16 delta[kVecs], out[kVecs];
  for (int v = 0; v < kVecs; ++v) delta[v] = out[v] = F32x16::All(0.0f);
  for (int64_t i = 0; i < args.k_dim; ++i) {
    const F32x16 key = F32x16::All(k[i]);
    for (int v = 0; v < kVecs; ++v) delta[v] = Fma(key, load(state + i * args.v_dim, v), delta[v]);
  }
  for (int v = 0; v < kVecs; ++v) delta[v] = (load(args.v[t] + at, v) - decay * delta[v]) * beta;
  for (int64_t i = 0; i < args.k_dim; ++i) {
    const F32x16 key = F32x16::All(k[i]), query = F32x16::All(q[i]);
    float* row = state + i * args.v_dim;
    for (int v = 0; v < kVecs; ++v) {
      const F32x16 element = Fma(key, delta[v], decay * load(row, v));
      store(row, v, element);
      out[v] = Fma(query, element, out[v]);
    }
  }
  for (int v = 0; v < kVecs; ++v) store(args.out[t] + at, v, out[v]);
}

void DeltaRule(const DeltaArgs& args) {
  const int whole = args.v_dim / 16, rest = args.v_dim % 16;
  // A block of columns passes all tokens while it is in the cache.
  ForBlocks<kDeltaVecs>(whole, [&](auto vecs, int v) {
    for (int64_t t = 0; t < args.tokens; ++t) DeltaBlock<decltype(vecs)::value, false>(args, t, v * 16, 16);
  });
  for (int64_t t = 0; t < args.tokens && rest > 0; ++t) DeltaBlock<1, true>(args, t, whole * 16, rest);
}

// y[i] = silu(sum over taps in order of fma(weight[tap][i], x[tap][i], sum)); y may be one of x.
void ConvSilu(const float* const* x, const float* weight, int64_t weight_stride, int taps, int64_t n,
              float* y) {
  for (int64_t i = 0; i < n; i += 16) {
    const bool whole = i + 16 <= n;
    const int rest = static_cast<int>(n - i);
    const auto load = [&](const float* p) { return whole ? Load(p + i) : LoadPart(p + i, rest); };
    F32x16 sum = F32x16::All(0.0f);
    for (int tap = 0; tap < taps; ++tap) sum = Fma(load(weight + tap * weight_stride), load(x[tap]), sum);
    if (whole) {
      Store(y + i, SiluOf(sum));
    } else {
      StorePart(y + i, rest, SiluOf(sum));
    }
  }
}

void FillDelta(Table& table) {
  table.delta_rule = DeltaRule;
  table.conv_silu = ConvSilu;
}

}  // namespace
}  // namespace sluice::kernels
