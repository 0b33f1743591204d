// Cuts the attention of few tokens along the context too, so that every worker has a share of it. What it
// gives are the same bits (kernels/attention.h).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

#include "backend/cpu/context.h"
#include "kernels/attention.h"

namespace sluice::backend::cpu {

// Keys [begin, end) that tokens see.
struct SeenKeys {
  int64_t begin = 0, end = 0;
  int64_t first_span() const { return begin / kernels::kSpanTokens; }
  int64_t spans() const { return (end - 1) / kernels::kSpanTokens - first_span() + 1; }
};

// The states of spans, until the worker that has computed a row's last one joins them.
class SpanStates {
 public:
  // For one token of each worker, of `positions` positions at most, whose states of one span take
  // `floats_per_token`; less where that were much.
  static Result<SpanStates> Create(int workers, int64_t positions, int64_t floats_per_token);

  // Fewer pieces than these are cut; so many have counters.
  int64_t most_pieces() const { return most_pieces_; }
  int64_t floats() const { return floats_; }
  float* At(int64_t index) const { return reinterpret_cast<float*>(states_.data()) + index; }
  // True for the caller that ends the last of `spans` spans of a piece.
  bool EndSpan(int64_t piece, int64_t spans) const {
    if (done_[piece].fetch_add(1, std::memory_order_acq_rel) + 1 < spans) return false;
    done_[piece].store(0, std::memory_order_relaxed);
    return true;
  }

 private:
  int64_t most_pieces_ = 0, floats_ = 0;
  Arena states_;
  std::unique_ptr<std::atomic<int32_t>[]> done_;
};

// The tiles of a step whose pieces are blocks of tokens times `heads` (KV heads, or groups of heads).
// seen(block): the keys of a block.
template <typename SeenFn>
class AttendCut {
 public:
  struct Tile {
    int64_t block = 0, head = 0;
    SeenKeys seen;
    int64_t span = -1;       // -1: all of them
    int64_t piece = 0;       // of the span
    float* state = nullptr;  // of the span
    float* first = nullptr;  // of the first span; the others' follow
    int64_t stride = 0;      // floats between them
  };

  AttendCut(const Context& c, int64_t blocks, int64_t heads, int64_t state_floats, bool allowed, SeenFn seen)
      : states_(*c.spans), blocks_(blocks), heads_(heads), state_floats_(state_floats), seen_(seen) {
    if (!allowed || c.workers == 1 || blocks * heads >= states_.most_pieces()) return;
    for (int64_t b = 0; b < blocks; ++b) spans_ += seen_(b).spans();
    if (spans_ == blocks || spans_ * heads * state_floats > states_.floats()) spans_ = 0;
  }

  int64_t tiles() const { return heads_ * (spans_ > 0 ? spans_ : blocks_); }
  // A head's tiles are neighbours, so that its keys stay in the cache from tile to tile.
  Tile Find(int64_t index) const {
    if (spans_ == 0) return {index % blocks_, index / blocks_, seen_(index % blocks_)};
    Tile tile{.head = index / spans_, .stride = state_floats_};
    int64_t span = index % spans_;
    tile.seen = seen_(0);
    for (; span >= tile.seen.spans(); tile.seen = seen_(++tile.block)) span -= tile.seen.spans();
    tile.span = tile.seen.first_span() + span;
    tile.piece = tile.head * blocks_ + tile.block;
    tile.state = states_.At(index * state_floats_);
    tile.first = states_.At((index - span) * state_floats_);
    return tile;
  }

 private:
  const SpanStates& states_;
  const int64_t blocks_, heads_, state_floats_;
  const SeenFn seen_;
  int64_t spans_ = 0;  // of all blocks; 0: nothing is cut
};

// Runs one span; true where it was a piece's last, which then is all in `out`.
template <typename Tile, typename Args>
bool AttendCutSpan(const Context& c, const Tile& tile, const Args& args, const float* sinks, float* out) {
  const auto state_at = [&](float* at) { return kernels::AttendStateAt(at, args.heads, args.v_dim); };
  kernels::AttendSpan(*c.kernels, c.pool->type(), args, tile.span, state_at(tile.state));
  if (!c.spans->EndSpan(tile.piece, tile.seen.spans())) return false;
  const kernels::AttendState state = state_at(tile.first);
  for (int64_t s = 1; s < tile.seen.spans(); ++s)
    kernels::JoinSpan(*c.kernels, args, tile.seen.first_span() + s, state_at(tile.first + s * tile.stride),
                      state);
  c.kernels->attend_finish(state, sinks, out);
  return true;
}

// Pages of a tile: of its span, or of all that is seen.
struct PageSpan {
  int64_t first = 0, last = 0;
};
template <typename Tile>
PageSpan PagesOfTile(const Tile& tile) {
  int64_t begin = tile.seen.begin, end = tile.seen.end;
  if (tile.span >= 0) {
    begin = std::max(begin, tile.span * kernels::kSpanTokens);
    end = std::min(end, (tile.span + 1) * kernels::kSpanTokens);
  }
  return {begin / kernels::kPageTokens, (end + kernels::kPageTokens - 1) / kernels::kPageTokens};
}

}  // namespace sluice::backend::cpu
