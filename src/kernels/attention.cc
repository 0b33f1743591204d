#include "kernels/attention.h"

#include <algorithm>
#include <vector>

#include "base/arena.h"

namespace sluice::kernels {
namespace {

constexpr int64_t kAlign = 16;  // floats

// What the heads make of the span [begin, begin + kSpanTokens).
SpanUse UseOf(int64_t from, int64_t to, int64_t begin) {
  if (to <= begin || from >= begin + kSpanTokens) return SpanUse::kNone;
  return from >= begin ? SpanUse::kFirst : SpanUse::kLater;
}
void TakeUses(const AttendArgs& args, int64_t span, SpanUse* use) {
  for (int h = 0; h < args.heads; ++h)
    use[h] = UseOf(args.begins == nullptr ? args.begin : args.begins[h],
                   args.ends == nullptr ? args.end : args.ends[h], span * kSpanTokens);
}
void TakeUses(const AttendLatentArgs& args, int64_t span, SpanUse* use) {
  std::fill_n(use, args.heads, UseOf(args.begin, args.end, span * kSpanTokens));
}

void Attend(const Table& table, KvType type, const AttendArgs& args, const AttendState& state) {
  table.Kv(type).attend(args, state);
}
void Attend(const Table& table, KvType type, const AttendLatentArgs& args, const AttendState& state) {
  table.Kv(type).attend_latent(args, state);
}

template <typename Args>
void Span(const Table& table, KvType type, Args args, int64_t span, const AttendState& state) {
  args.begin = std::max(args.begin, span * kSpanTokens);
  args.end = std::min(args.end, (span + 1) * kSpanTokens);
  Attend(table, type, args, state);
}

template <typename Args>
void Join(const Table& table, const Args& args, int64_t span, const AttendState& next,
          const AttendState& state) {
  constexpr int kMost = 64;
  SpanUse few[kMost];
  std::vector<SpanUse> many;
  SpanUse* use = few;
  if (args.heads > kMost) {
    many.resize(static_cast<size_t>(args.heads));
    use = many.data();
  }
  TakeUses(args, span, use);
  table.attend_join(next, use, state);
}

template <typename Args>
void All(const Table& table, KvType type, const Args& args, const float* sinks, float* scratch, float* out) {
  const AttendState next = AttendStateAt(scratch, args.heads, args.v_dim);
  AttendState state =
      AttendStateAt(scratch + AttendStateFloats(args.heads, args.v_dim), args.heads, args.v_dim);
  state.out = out;
  const int64_t first = args.begin / kSpanTokens, last = (args.end - 1) / kSpanTokens;
  Span(table, type, args, first, state);
  for (int64_t span = first + 1; span <= last; ++span) {
    Span(table, type, args, span, next);
    Join(table, args, span, next, state);
  }
  table.attend_finish(state, sinks, out);
}

}  // namespace

int64_t AttendLatentScratch(int heads, int k_dim, int v_dim) {
  static_cast<void>(v_dim);  // sums run in the state
  const int64_t lanes = RoundUp(heads, kAlign);
  // Queries and weights by sixteen heads; a factor of each; one page of floats.
  return lanes * (k_dim + kPageTokens + 1) + int64_t{kPageTokens} * k_dim;
}

int64_t AttendStateFloats(int heads, int v_dim) {
  return 2 * RoundUp(heads, kAlign) + RoundUp(int64_t{heads} * v_dim, kAlign);
}
AttendState AttendStateAt(float* floats, int heads, int v_dim) {
  const int64_t lanes = RoundUp(heads, kAlign);
  return {heads, v_dim, floats, floats + lanes, floats + 2 * lanes};
}

int64_t AttendAllScratch(int heads, int v_dim) { return 2 * AttendStateFloats(heads, v_dim); }
void AttendAll(const Table& table, KvType type, const AttendArgs& args, const float* sinks, float* scratch,
               float* out) {
  All(table, type, args, sinks, scratch, out);
}
void AttendAll(const Table& table, KvType type, const AttendLatentArgs& args, float* scratch, float* out) {
  All(table, type, args, nullptr, scratch, out);
}

void AttendSpan(const Table& table, KvType type, const AttendArgs& args, int64_t span,
                const AttendState& state) {
  Span(table, type, args, span, state);
}
void AttendSpan(const Table& table, KvType type, const AttendLatentArgs& args, int64_t span,
                const AttendState& state) {
  Span(table, type, args, span, state);
}
void JoinSpan(const Table& table, const AttendArgs& args, int64_t span, const AttendState& next,
              const AttendState& state) {
  Join(table, args, span, next, state);
}
void JoinSpan(const Table& table, const AttendLatentArgs& args, int64_t span, const AttendState& next,
              const AttendState& state) {
  Join(table, args, span, next, state);
}

}  // namespace sluice::kernels
