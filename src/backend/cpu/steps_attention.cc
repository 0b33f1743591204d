// Rotation, storing keys and values, attention: grouped-query and latent (MLA).
#include <algorithm>
#include <cmath>

#include "backend/cpu/adapters.h"
#include "backend/cpu/attend_cut.h"
#include "backend/cpu/cached_rows.h"
#include "backend/cpu/steps.h"
#include "backend/cpu/tiling.h"

namespace sluice::backend::cpu {

using kernels::kPageTokens;
using model::Buffer;

namespace {

// Norm, clip and rotation of the heads of one token, in place.
void PrepareHeads(const Context& c, const model::RotateStoreStep& step, int64_t t, float* x, int heads,
                  const float* norm) {
  const model::Gqa& gqa = step.gqa;
  const int64_t dim = gqa.head_dim;
  using QkNorm = model::Gqa::QkNorm;
  if (gqa.qk_norm == QkNorm::kFullWidth) c.kernels->rms_norm(x, norm, gqa.qk_norm_eps, heads * dim, x);
  if (gqa.clip != 0) c.kernels->clamp(gqa.clip, heads * dim, x);
  const bool per_head = gqa.qk_norm == QkNorm::kPerHead;
  for (int h = 0; h < heads; ++h) {
    float* head = x + h * dim;
    if (per_head && !gqa.norm_after_rope) c.kernels->rms_norm(head, norm, gqa.qk_norm_eps, dim, head);
    if (step.rope >= 0) Rotate(c, step.rope, t, head);
    if (per_head && gqa.norm_after_rope) c.kernels->rms_norm(head, norm, gqa.qk_norm_eps, dim, head);
  }
}

// What queries are multiplied by: the scale of the scores, and what grows with the position.
float QueryScale(const model::Gqa& gqa, int64_t position) {
  if (gqa.temper_scale == 0) return gqa.scale;
  const float steps = std::floor(static_cast<float>(position + 1) / gqa.temper_floor);
  return gqa.scale * (1 + gqa.temper_scale * std::log1p(steps));
}

// kQuery from rows that hold a query and a gate for each head.
void TakeQueries(const Context& c, const model::Gqa& gqa, int64_t t) {
  const float* both = c.buffers->Row(Buffer::kQueryGate, t);
  float* q = c.buffers->Row(Buffer::kQuery, t);
  for (int h = 0; h < gqa.heads; ++h)
    std::copy_n(both + int64_t{2} * h * gqa.head_dim, gqa.head_dim, q + int64_t{h} * gqa.head_dim);
}

// The output of heads [first, first + n), times the sigmoid of their gates.
void ApplyGates(const Context& c, Worker& worker, const model::Gqa& gqa, int64_t t, int first, int n,
                float* out) {
  const int64_t dim = gqa.head_dim;
  float* gate = worker.Floats(dim);
  for (int h = 0; h < n; ++h) {
    c.kernels->sigmoid(c.buffers->Row(Buffer::kQueryGate, t) + (2 * (first + h) + 1) * dim, dim, gate);
    for (int64_t i = 0; i < dim; ++i) out[h * dim + i] *= gate[i];
  }
}

}  // namespace

namespace {

void RotateQueries(const Context& c, const model::RotateStoreStep& step, int64_t t) {
  const model::Gqa& gqa = step.gqa;
  float* q = c.buffers->Row(Buffer::kQuery, t);
  if (gqa.out_gate) TakeQueries(c, gqa, t);
  PrepareHeads(c, step, t, q, gqa.heads, step.q_norm);
  c.kernels->scale(QueryScale(gqa, c.batch->tokens[t].position), gqa.heads * gqa.head_dim, q);
}

void RotateStoreKeys(const Context& c, Worker& worker, const model::RotateStoreStep& step, int64_t t) {
  const model::Gqa& gqa = step.gqa;
  const int64_t dim = gqa.head_dim;
  float* k = c.buffers->Row(Buffer::kKey, t);
  float* v = c.buffers->Row(Buffer::kValue, t);
  const Slot slot = SlotOf(c, c.batch->tokens[t]);
  const auto read_ahead = [&](int h) {
    if (h >= gqa.kv_heads) return;
    ReadAheadKv(c, dim, c.pool->KeyPage(slot.block, step.layer, h), slot.offset, PageForm::kColumns);
    ReadAheadKv(c, dim, c.pool->ValuePage(slot.block, step.layer, h), slot.offset, PageForm::kRows);
  };
  read_ahead(0);
  if (gqa.value_is_key) std::copy_n(k, gqa.kv_heads * dim, v);
  PrepareHeads(c, step, t, k, gqa.kv_heads, step.k_norm);
  if (gqa.clip != 0) c.kernels->clamp(gqa.clip, gqa.kv_heads * dim, v);
  for (int h = 0; h < gqa.kv_heads && gqa.value_norm; ++h)
    c.kernels->rms_norm(v + h * dim, nullptr, gqa.qk_norm_eps, dim, v + h * dim);
  for (int h = 0; h < gqa.kv_heads; ++h) {
    read_ahead(h + 1);
    StoreKv(c, worker, k + h * dim, dim, c.pool->KeyPage(slot.block, step.layer, h), slot.offset,
            PageForm::kColumns);
    StoreKv(c, worker, v + h * dim, dim, c.pool->ValuePage(slot.block, step.layer, h), slot.offset,
            PageForm::kRows);
  }
}

}  // namespace

namespace {

// Neighbours write to the same lines of a page of keys: one worker takes several of them where there are
// many.
int64_t TokensPerStore(const Context& c) {
  constexpr int64_t kTogether = 16, kTilesPerWorker = 4;
  return c.tokens() >= kTogether * kTilesPerWorker * c.workers ? kTogether : 1;
}

}  // namespace

// Tiles: the tokens' keys, then their queries.
int64_t TileCount(const model::RotateStoreStep& step, const Context& c) {
  return Tiles(c.tokens(), TokensPerStore(c)) * (int{step.keys} + int{step.queries});
}
void RunTile(const model::RotateStoreStep& step, const Context& c, Worker& worker, int64_t tile) {
  const int64_t together = TokensPerStore(c), blocks = Tiles(c.tokens(), together);
  const bool keys = step.keys && tile < blocks;
  const int64_t first = tile % blocks * together;
  for (int64_t t = first; t < std::min(first + together, c.tokens()); ++t) {
    if (keys) {
      RotateStoreKeys(c, worker, step, t);
    } else {
      RotateQueries(c, step, t);
    }
  }
}

namespace {

constexpr int kAttendRows =
    16;  // query rows of a tile: heads of one or of several tokens that share their keys

// Tokens of a run that one tile takes.
int32_t TokensPerTile(const model::Gqa& gqa) { return std::max(1, kAttendRows / (gqa.heads / gqa.kv_heads)); }

int64_t BlockCount(const Context& c, int32_t per_tile) {
  int64_t blocks = 0;
  for (const TokenRun& run : c.runs) blocks += Tiles(run.count, per_tile);
  return blocks;
}

// The block-th piece of at most per_tile tokens.
TokenRun BlockOf(const Context& c, int32_t per_tile, int64_t block) {
  for (const TokenRun& run : c.runs) {
    const int64_t blocks = Tiles(run.count, per_tile);
    if (block < blocks) {
      const int32_t at = static_cast<int32_t>(block) * per_tile;
      return {run.first + at, std::min(per_tile, run.count - at)};
    }
    block -= blocks;
  }
  return {};
}

// The first key that a query at `position` sees.
int64_t FirstKey(const model::Gqa& gqa, int64_t position) {
  if (gqa.chunk != 0) return position / gqa.chunk * gqa.chunk;
  return gqa.window != 0 ? std::max<int64_t>(0, position + 1 - gqa.window) : 0;
}

// One past the last key that it sees.
int64_t EndKey(const model::Gqa& gqa, const kv::PageTable& table, int64_t position) {
  return gqa.sees == model::Gqa::Sees::kPast ? position + 1 : table.longest;
}

// What each row of a tile with several tokens brings.
struct AttendRows {
  int64_t begins[kAttendRows], ends[kAttendRows];
  float sinks[kAttendRows];
};

void TakeAttendRows(const Context& c, const model::AttendStep& step, const kv::PageTable& table,
                    TokenRun tokens, int head, AttendRows* rows, float* q) {
  const model::Gqa& gqa = step.gqa;
  const int group = gqa.heads / gqa.kv_heads;
  for (int32_t i = 0, r = 0; i < tokens.count; ++i) {
    const int64_t t = tokens.first + i, position = c.batch->tokens[t].position;
    std::copy_n(c.buffers->Row(Buffer::kQuery, t) + head * group * gqa.head_dim, group * gqa.head_dim,
                q + int64_t{i} * group * gqa.head_dim);
    for (int h = 0; h < group; ++h, ++r) {
      rows->begins[r] = FirstKey(gqa, position);
      rows->ends[r] = EndKey(gqa, table, position);
      if (step.sinks != nullptr) rows->sinks[r] = step.sinks[head * group + h];
    }
  }
}

// The rows' biases by distance: [rows][end].
void TakeBias(const Context& c, const model::AttendStep& step, TokenRun tokens, int head, float* bias,
              kernels::AttendArgs* args) {
  const int group = step.gqa.heads / step.gqa.kv_heads;
  args->bias = bias;
  args->bias_stride = args->end;
  for (int32_t i = 0; i < tokens.count; ++i)
    for (int h = 0; h < group; ++h, bias += args->end)
      c.plan->relatives[step.relative].Write(head * group + h, c.batch->tokens[tokens.first + i].position, 0,
                                             args->end, bias);
}

}  // namespace

namespace {

const kv::PageTable& SeenPages(const Context& c, const model::Gqa& gqa, int32_t t) {
  const auto& tables = gqa.sees == model::Gqa::Sees::kSource ? c.batch->sources : c.batch->sequences;
  return *tables[c.batch->tokens[t].sequence];
}

auto CutOf(const model::AttendStep& step, const Context& c) {
  const model::Gqa& gqa = step.gqa;
  const int32_t per_tile = TokensPerTile(gqa);
  const auto seen = [&c, &gqa, per_tile](int64_t block) {
    const TokenRun tokens = BlockOf(c, per_tile, block);
    const int64_t position = c.batch->tokens[tokens.first].position;
    return SeenKeys{FirstKey(gqa, position),
                    EndKey(gqa, SeenPages(c, gqa, tokens.first), position + tokens.count - 1)};
  };
  const int rows = gqa.heads / gqa.kv_heads * per_tile;
  return AttendCut(c, BlockCount(c, per_tile), gqa.kv_heads, kernels::AttendStateFloats(rows, gqa.head_dim),
                   step.relative < 0, seen);
}

}  // namespace

int64_t TileCount(const model::AttendStep& step, const Context& c) { return CutOf(step, c).tiles(); }
void RunTile(const model::AttendStep& step, const Context& c, Worker& worker, int64_t index) {
  const model::Gqa& gqa = step.gqa;
  const auto tile = CutOf(step, c).Find(index);
  const TokenRun tokens = BlockOf(c, TokensPerTile(gqa), tile.block);
  const int head = static_cast<int>(tile.head);
  const kv::PageTable& table = SeenPages(c, gqa, tokens.first);
  const int group = gqa.heads / gqa.kv_heads;
  const int64_t first_row = int64_t{head} * group * gqa.head_dim;

  kernels::AttendArgs args;
  args.begin = tile.seen.begin;
  args.end = tile.seen.end;
  const PageSpan pages = PagesOfTile(tile);
  TakePages(&worker.key_pages, table, pages.first, pages.last,
            [&](int32_t b) { return c.pool->KeyPage(b, step.layer, head); });
  TakePages(&worker.value_pages, table, pages.first, pages.last,
            [&](int32_t b) { return c.pool->ValuePage(b, step.layer, head); });
  args.heads = group * tokens.count;
  args.k_dim = args.v_dim = gqa.head_dim;
  args.k_pages = worker.key_pages.data();
  args.v_pages = worker.value_pages.data();
  args.last_page = pages.last;
  args.logit_cap = gqa.logit_cap;
  // Queries, where they are gathered, and then what each adds to its scores.
  const int64_t bias_floats = step.relative >= 0 ? args.heads * args.end : 0;
  const int64_t row_floats = int64_t{args.heads} * gqa.head_dim;
  float* floats = worker.Floats(row_floats + bias_floats);
  if (bias_floats > 0) TakeBias(c, step, tokens, head, floats + row_floats, &args);
  AttendRows rows;
  const int64_t scratch = kernels::AttendAllScratch(args.heads, gqa.head_dim);
  float* more = worker.MoreFloats(scratch + row_floats);
  const float* sinks = step.sinks == nullptr ? nullptr : step.sinks + head * group;
  float* out = c.buffers->Row(Buffer::kAttended, tokens.first) + first_row;
  if (tokens.count == 1) {
    args.q = c.buffers->Row(Buffer::kQuery, tokens.first) + first_row;
  } else {
    TakeAttendRows(c, step, table, tokens, head, &rows, floats);
    args.q = floats;
    args.begins = rows.begins;
    args.ends = rows.ends;
    if (sinks != nullptr) sinks = rows.sinks;
    out = more + scratch;
  }
  if (tile.span < 0) {
    kernels::AttendAll(*c.kernels, c.pool->type(), args, sinks, more, out);
  } else if (!AttendCutSpan(c, tile, args, sinks, out)) {
    return;
  }
  for (int32_t i = 0; i < tokens.count; ++i) {
    float* to = c.buffers->Row(Buffer::kAttended, tokens.first + i) + first_row;
    if (tokens.count > 1) std::copy_n(out + i * group * gqa.head_dim, group * gqa.head_dim, to);
    if (gqa.out_gate) ApplyGates(c, worker, gqa, tokens.first + i, head * group, group, to);
  }
}

int64_t TileCount(const model::LatentStoreStep&, const Context& c) { return c.tokens(); }
void RunTile(const model::LatentStoreStep& step, const Context& c, Worker& worker, int64_t t) {
  const model::Mla& mla = step.mla;
  float* row = c.buffers->Row(Buffer::kLatentRow, t);
  c.kernels->rms_norm(row, step.norm, mla.latent_norm_eps, mla.kv_rank, row);
  if (step.rope >= 0) Rotate(c, step.rope, t, row + mla.kv_rank);
  const int64_t width = mla.kv_rank + mla.rope_dim;
  const Slot slot = SlotOf(c, c.batch->tokens[t]);
  StoreKv(c, worker, row, width, c.pool->KeyPage(slot.block, step.layer, 0), slot.offset, PageForm::kRows);
  float* q = c.buffers->Row(Buffer::kQuery, t);
  for (int h = 0; h < mla.heads && step.rope >= 0; ++h)
    Rotate(c, step.rope, t, q + h * (mla.nope_dim + mla.rope_dim) + mla.nope_dim);
}

namespace {

// worker.x = n copies of float rows of length k, aligned, in the form that `type` asks for.
template <typename RowFn>
void TakeCopies(const Context& c, Worker& worker, kernels::ActType type, int64_t k, int64_t n, RowFn row) {
  const int64_t bytes = kernels::ActRowBytes(type, k);
  std::byte* rows = worker.Bytes(n * bytes);
  worker.x.resize(static_cast<size_t>(n));
  for (int64_t t = 0; t < n; ++t) {
    std::byte* out = rows + t * bytes;
    if (type == kernels::ActType::kF32) {
      std::copy_n(row(t), k, reinterpret_cast<float*>(out));
    } else {
      Quantize(c, worker, type, row(t), k, out);
    }
    worker.x[t] = out;
  }
}

}  // namespace

int64_t TileCount(const model::LatentQueryStep& step, const Context&) { return step.mla.heads; }
void RunTile(const model::LatentQueryStep& step, const Context& c, Worker& worker, int64_t h) {
  const model::Mla& mla = step.mla;
  const model::PackedMatrix& k_b = (*step.k_b)[h];
  const int64_t width = mla.kv_rank + mla.rope_dim;
  const auto query = [&](int64_t t) {
    return c.buffers->Row(Buffer::kQuery, t) + h * (mla.nope_dim + mla.rope_dim);
  };
  const auto out = [&](int64_t t, int64_t row) {
    return c.buffers->Row(Buffer::kLatentQuery, t) + h * width + row;
  };
  TakeCopies(c, worker, k_b.activations, mla.nope_dim, c.tokens(), query);
  MatmulPanels(c, worker, k_b, 0, k_b.panels(), c.tokens(), out);
  AddWholeAdapters(c, worker, k_b, query, out);
  for (int64_t t = 0; t < c.tokens(); ++t) {
    std::copy_n(query(t) + mla.nope_dim, mla.rope_dim, out(t, mla.kv_rank));
    c.kernels->scale(mla.scale, width, out(t, 0));
  }
}

namespace {

constexpr int kLatentHeads = 16;  // heads per tile: what the kernel holds in one register

// The rows of the positions chosen for token t, gathered into pages of the worker's.
void TakeChosenRows(const Context& c, Worker& worker, int layer, int64_t t, int64_t width, int64_t count) {
  const int64_t page_bytes = kernels::PageBytes(c.pool->type(), width);
  const int64_t pages = (count + kPageTokens - 1) / kPageTokens;
  std::byte* rows = worker.Bytes(pages * page_bytes);
  const kv::PageTable& table = PagesOf(c, t);
  const int32_t* chosen = c.choice->Positions(t);
  for (int64_t i = 0; i < count; ++i) {
    const std::byte* page = c.pool->KeyPage(table.blocks[chosen[i] / kPageTokens], layer, 0);
    CopyKvRow(c.pool->type(), width, page, chosen[i] % kPageTokens, rows + i / kPageTokens * page_bytes,
              i % kPageTokens);
  }
  worker.key_pages.resize(static_cast<size_t>(pages));
  for (int64_t p = 0; p < pages; ++p) worker.key_pages[p] = rows + p * page_bytes;
}

}  // namespace

namespace {

bool ChoosesKeys(const model::LatentAttendStep& step, int64_t position) {
  return step.top_k != 0 && position + 1 > step.top_k;
}

auto CutOf(const model::LatentAttendStep& step, const Context& c) {
  const model::Mla& mla = step.mla;
  const auto seen = [&c, &step](int64_t t) {
    const int64_t position = c.batch->tokens[t].position;
    return SeenKeys{0, ChoosesKeys(step, position) ? step.top_k : position + 1};
  };
  return AttendCut(c, c.tokens(), (mla.heads + kLatentHeads - 1) / kLatentHeads,
                   kernels::AttendStateFloats(kLatentHeads, mla.kv_rank), step.top_k == 0, seen);
}

}  // namespace

int64_t TileCount(const model::LatentAttendStep& step, const Context& c) { return CutOf(step, c).tiles(); }
void RunTile(const model::LatentAttendStep& step, const Context& c, Worker& worker, int64_t index) {
  const model::Mla& mla = step.mla;
  const auto tile = CutOf(step, c).Find(index);
  const int64_t t = tile.block;
  const int first_head = static_cast<int>(tile.head) * kLatentHeads;
  kernels::AttendLatentArgs args;
  args.k_dim = mla.kv_rank + mla.rope_dim;
  args.end = tile.seen.end;
  const PageSpan pages = PagesOfTile(tile);
  if (ChoosesKeys(step, c.batch->tokens[t].position)) {
    TakeChosenRows(c, worker, step.layer, t, args.k_dim, args.end);
  } else {
    TakePages(&worker.key_pages, PagesOf(c, t), pages.first, pages.last,
              [&](int32_t b) { return c.pool->KeyPage(b, step.layer, 0); });
  }
  args.v_dim = mla.kv_rank;
  args.heads = std::min(kLatentHeads, mla.heads - first_head);
  args.q = c.buffers->Row(Buffer::kLatentQuery, t) + first_head * args.k_dim;
  args.pages = worker.key_pages.data();
  args.scratch = worker.Floats(kernels::AttendLatentScratch(args.heads, args.k_dim, args.v_dim));
  float* out = c.buffers->Row(Buffer::kLatentOut, t) + first_head * args.v_dim;
  if (tile.span < 0) {
    float* scratch = worker.MoreFloats(kernels::AttendAllScratch(args.heads, args.v_dim));
    kernels::AttendAll(*c.kernels, c.pool->type(), args, scratch, out);
  } else {
    AttendCutSpan(c, tile, args, nullptr, out);
  }
}

int64_t TileCount(const model::LatentValueStep& step, const Context&) { return step.mla.heads; }
void RunTile(const model::LatentValueStep& step, const Context& c, Worker& worker, int64_t h) {
  const model::Mla& mla = step.mla;
  const model::PackedMatrix& v_b = (*step.v_b)[h];
  const auto latent = [&](int64_t t) { return c.buffers->Row(Buffer::kLatentOut, t) + h * mla.kv_rank; };
  const auto out = [&](int64_t t, int64_t row) {
    return c.buffers->Row(Buffer::kAttended, t) + h * mla.v_dim + row;
  };
  TakeCopies(c, worker, v_b.activations, mla.kv_rank, c.tokens(), latent);
  MatmulPanels(c, worker, v_b, 0, v_b.panels(), c.tokens(), out);
  AddWholeAdapters(c, worker, v_b, latent, out);
}

}  // namespace sluice::backend::cpu
