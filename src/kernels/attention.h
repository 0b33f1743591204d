// Attention: what its kernels take, and how its keys are cut.
//
// Keys are taken in spans of kSpanTokens positions that begin at multiples of it. Each leaves a state, and
// the states are joined in the order of the spans. Where the cuts are depends on positions alone, so spans
// may be computed one after the other or by several threads: the bits are the same.
#pragma once

#include <cstdint>

#include "kernels/table.h"

namespace sluice::kernels {

inline constexpr int64_t kSpanTokens = 256;  // a multiple of kPageTokens

// Query heads that share one KV head, and keys [begin, end). Heads may be those of several tokens: then each
// has a range of its own. A head's result does not depend on the others.
struct AttendArgs {
  const float* q = nullptr;  // [heads][k_dim], already scaled
  int heads = 0;
  int k_dim = 0, v_dim = 0;
  const std::byte* const* k_pages =
      nullptr;  // page p holds positions [32 p, 32 p + 32), transposed: [k_dim][32]
  const std::byte* const* v_pages = nullptr;         // [32][v_dim]
  int64_t begin = 0, end = 0;                        // 0 <= begin < end
  int64_t last_page = 0;                             // pages before it may be read ahead
  const int64_t *begins = nullptr, *ends = nullptr;  // [heads], cut to [begin, end); null: all see the same
  float logit_cap = 0;                               // s = cap * tanh(s / cap); 0 = off
  const float* bias = nullptr;  // [heads][bias_stride], added to the logit of key j: bias[h][j]; null = none
  int64_t bias_stride = 0;
};

// A compressed cache that all heads share (MLA): page rows are [32][k_dim] and the value of a key is the
// first v_dim elements of its row. Any number of heads.
struct AttendLatentArgs {
  const float* q = nullptr;
  int heads = 0;
  int k_dim = 0, v_dim = 0;
  const std::byte* const* pages = nullptr;
  int64_t begin = 0, end = 0;
  float* scratch = nullptr;  // AttendLatentScratch(heads, k_dim, v_dim) floats, 64-byte aligned
};
int64_t AttendLatentScratch(int heads, int k_dim, int v_dim);

// A softmax that has seen some of the keys.
struct AttendState {
  int heads = 0, v_dim = 0;
  float* highest = nullptr;  // [heads, rounded up to 16] logits
  float* sum = nullptr;      // [as highest] of exp(logit - highest)
  float* out = nullptr;      // [heads][v_dim]: values, weighted so
};
// One in AttendStateFloats(heads, v_dim) floats, 64-byte aligned.
AttendState AttendStateAt(float* floats, int heads, int v_dim);
int64_t AttendStateFloats(int heads, int v_dim);

// What a head makes of a span.
enum class SpanUse : uint8_t {
  kNone,   // it sees none of its keys
  kFirst,  // it sees none before them
  kLater,
};

// Attention to keys [args.begin, args.end) whole, span after span. out: [heads][v_dim].
// scratch: AttendAllScratch(heads, v_dim) floats, 64-byte aligned.
int64_t AttendAllScratch(int heads, int v_dim);
void AttendAll(const Table& table, KvType type, const AttendArgs& args, const float* sinks, float* scratch,
               float* out);
void AttendAll(const Table& table, KvType type, const AttendLatentArgs& args, float* scratch, float* out);

// The same in parts. First the state of each span, which is that of positions [span, span + 1) * kSpanTokens;
// in any order.
void AttendSpan(const Table& table, KvType type, const AttendArgs& args, int64_t span,
                const AttendState& state);
void AttendSpan(const Table& table, KvType type, const AttendLatentArgs& args, int64_t span,
                const AttendState& state);
// Then the second span's state joined to the first's, the third's to both, and so on; attend_finish ends.
void JoinSpan(const Table& table, const AttendArgs& args, int64_t span, const AttendState& next,
              const AttendState& state);
void JoinSpan(const Table& table, const AttendLatentArgs& args, int64_t span, const AttendState& next,
              const AttendState& state);

}  // namespace sluice::kernels
