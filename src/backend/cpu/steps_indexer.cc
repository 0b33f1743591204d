// Sparse attention's choice of positions: keys of their own, a score for each position, the best of them.
#include <algorithm>

#include "backend/cpu/cached_rows.h"
#include "backend/cpu/choose_positions.h"
#include "backend/cpu/steps.h"

namespace sluice::backend::cpu {

using kernels::kPageTokens;
using model::Buffer;

namespace {

constexpr int64_t kSpan = 16 * kPageTokens;  // positions that one tile scores where tokens are few

int64_t EndOf(const Context& c, int64_t t) { return c.batch->tokens[t].position + 1; }

// With fewer tokens than workers a token's positions are shared out and their scores kept; else whoever
// chooses for a token scores its positions first.
bool SharesPositions(const Context& c) { return c.tokens() < c.workers; }

// Scores of positions [begin, end) for token t, at out[begin, end).
void Score(const Context& c, Worker& worker, const model::Indexer& indexer, int layer, int64_t t,
           int64_t begin, int64_t end, float* out) {
  TakePages(&worker.key_pages, PagesOf(c, t), begin / kPageTokens, (end + kPageTokens - 1) / kPageTokens,
            [&](int32_t b) { return c.pool->KeyPage(b, layer, 0); });
  kernels::ScoreKeysArgs args;
  args.q = c.buffers->Row(Buffer::kIndexQuery, t);
  args.weights = c.buffers->Row(Buffer::kIndexWeight, t);
  args.heads = indexer.heads;
  args.k_dim = indexer.head_dim;
  args.k_pages = worker.key_pages.data();
  args.begin = begin;
  args.end = end;
  args.out = out;
  c.kernels->Kv(c.pool->type()).score_keys(args);
}

}  // namespace

int64_t TileCount(const model::IndexStoreStep&, const Context& c) { return c.tokens(); }
void RunTile(const model::IndexStoreStep& step, const Context& c, Worker& worker, int64_t t) {
  const model::Indexer& indexer = step.indexer;
  float* k = c.buffers->Row(Buffer::kIndexKey, t);
  c.kernels->layer_norm(k, step.norm.weight, step.norm.bias, indexer.norm_eps, indexer.head_dim, k);
  if (step.rope >= 0) Rotate(c, step.rope, t, k);
  const Slot slot = SlotOf(c, c.batch->tokens[t]);
  StoreKv(c, worker, k, indexer.head_dim, c.pool->KeyPage(slot.block, step.layer, 0), slot.offset,
          PageForm::kColumns);
  float* q = c.buffers->Row(Buffer::kIndexQuery, t);
  for (int h = 0; h < indexer.heads && step.rope >= 0; ++h)
    Rotate(c, step.rope, t, q + int64_t{h} * indexer.head_dim);
}

int64_t TileCount(const model::IndexScoreStep& step, const Context& c) {
  if (!SharesPositions(c)) return 0;
  int64_t longest = 0;
  for (int64_t t = 0; t < c.tokens(); ++t) longest = std::max(longest, EndOf(c, t));
  if (longest <= step.indexer.top_k) return 0;
  return c.tokens() * ((longest + kSpan - 1) / kSpan);
}
void RunTile(const model::IndexScoreStep& step, const Context& c, Worker& worker, int64_t tile) {
  const int64_t t = tile % c.tokens(), begin = tile / c.tokens() * kSpan;
  const int64_t end = std::min(begin + kSpan, EndOf(c, t));
  if (begin >= end || EndOf(c, t) <= step.indexer.top_k) return;
  Score(c, worker, step.indexer, step.layer, t, begin, end, c.choice->Scores(t));
}

int64_t TileCount(const model::IndexChooseStep&, const Context& c) { return c.tokens(); }
void RunTile(const model::IndexChooseStep& step, const Context& c, Worker& worker, int64_t t) {
  const int64_t end = EndOf(c, t), count = step.indexer.top_k;
  if (end <= count) return;  // all of them are seen
  const float* scores = c.choice->Scores(t);
  if (!SharesPositions(c)) {
    float* own = worker.Floats(end);
    Score(c, worker, step.indexer, step.layer, t, 0, end, own);
    scores = own;
  }
  auto* scratch = reinterpret_cast<uint64_t*>(worker.Bytes(end * static_cast<int64_t>(sizeof(uint64_t))));
  ChoosePositions(scores, end, count, scratch, c.choice->Positions(t));
}

}  // namespace sluice::backend::cpu
