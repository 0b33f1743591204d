// A x of a batch's adapters.
#include <algorithm>

#include "backend/cpu/adapters.h"
#include "backend/cpu/expert_groups.h"
#include "backend/cpu/steps.h"
#include "backend/cpu/tiling.h"

namespace sluice::backend::cpu {

using model::Buffer;

bool AdapterRows::Start(const Batch& batch, const model::Plan& plan) {
  int rank = 0;
  for (const BatchToken& token : batch.tokens)
    if (!batch.adapters.empty() && batch.adapters[token.sequence] != nullptr)
      rank = std::max(rank, batch.adapters[token.sequence]->rank());
  if (rank == 0) return false;
  stride_ = RoundUp(rank, kPanelRows);
  constexpr int64_t kGateUp = 2;
  const int64_t slots = std::max<int64_t>(plan.max_adapted, kGateUp * (plan.max_top_k + 1));
  rows_.resize(static_cast<size_t>(static_cast<int64_t>(batch.tokens.size()) * slots * stride_));
  return true;
}

void MultiplyPanel(const Context& c, const model::PackedMatrix& m, int64_t p,
                   std::span<const AdaptedRow> rows, float* products) {
  const std::byte* x[64];
  float* y[64];
  for (size_t t = 0; t < rows.size(); ++t) {
    x[t] = reinterpret_cast<const std::byte*>(rows[t].in);
    y[t] = products + t * kPanelRows;
  }
  const int64_t count = static_cast<int64_t>(rows.size());
  c.kernels->Matmul(m.dtype, count)(m.Panel(p), m.cols, x, count, y);
}

namespace {

// Rows of one tile: few, so that a handful of tokens is work for every thread.
int64_t RowsPerTile(const Context& c, int64_t rows, int64_t slots) {
  constexpr int64_t kMost = 32, kTilesPerWorker = 4;
  return std::clamp<int64_t>(rows * slots / (c.workers * kTilesPerWorker), 1, kMost);
}

int64_t TilesOf(const Context& c, int64_t rows, int64_t slots) {
  return c.adapters == nullptr ? 0 : slots * Tiles(rows, RowsPerTile(c, rows, slots));
}

// The short rows of worker.adapted, for the slot-th matrix of a step.
void ShortRows(const Context& c, Worker& worker, int64_t slots, int64_t slot) {
  constexpr int64_t kMost = 64;
  alignas(64) float products[kMost * kPanelRows];
  ForEachAdapter(worker.adapted, [&](std::span<const AdaptedRow> same) {
    for (int64_t p = 0; p < same.front().matrices->a.panels(); ++p) {
      MultiplyPanel(c, same.front().matrices->a, p, same, products);
      for (size_t t = 0; t < same.size(); ++t)
        std::copy_n(products + t * kPanelRows, kPanelRows,
                    c.adapters->Row(same[t].row, slots, slot) + p * kPanelRows);
    }
  });
}

int64_t RowsOf(const model::AdaptStep& step, const Context& c) {
  return step.outputs_only ? static_cast<int64_t>(c.outputs.size()) : c.tokens();
}
int64_t SlotsOf(const model::AdaptStep& step) { return static_cast<int64_t>(step.matrices.size()); }

int64_t RowsOf(const model::AdaptExpertsStep& step, const Context& c) {
  int64_t rows = 0;
  ForEachGroup(step, c, [&](const ExpertGroup& g, const model::FfnWeights&) { rows += g.count; });
  return rows;
}
int64_t SlotsOf(const model::AdaptExpertsStep& step) { return step.down ? 1 : 2; }

}  // namespace

int64_t TileCount(const model::AdaptStep& step, const Context& c) {
  return TilesOf(c, RowsOf(step, c), SlotsOf(step));
}
void RunTile(const model::AdaptStep& step, const Context& c, Worker& worker, int64_t tile) {
  const int64_t rows = RowsOf(step, c), slots = SlotsOf(step), slot = tile % slots;
  const int64_t per_tile = RowsPerTile(c, rows, slots), first = tile / slots * per_tile;
  worker.adapted.clear();
  for (int64_t r = first; r < std::min(first + per_tile, rows); ++r) {
    const int64_t token = step.outputs_only ? c.outputs[r] : r;
    if (const auto* low = c.adapters->Of(*c.batch, token, *step.matrices[slot]); low != nullptr)
      worker.adapted.push_back({low, r, c.buffers->Row(step.in, r)});
  }
  ShortRows(c, worker, slots, slot);
}

int64_t TileCount(const model::AdaptExpertsStep& step, const Context& c) {
  return c.adapters == nullptr ? 0 : TilesOf(c, RowsOf(step, c), SlotsOf(step));
}
void RunTile(const model::AdaptExpertsStep& step, const Context& c, Worker& worker, int64_t tile) {
  const int64_t rows = RowsOf(step, c), slots = SlotsOf(step), slot = tile % slots;
  const int64_t per_tile = RowsPerTile(c, rows, slots), first = tile / slots * per_tile;
  const int64_t last = std::min(first + per_tile, rows);
  worker.adapted.clear();
  ForEachGroup(step, c, [&](const ExpertGroup& g, const model::FfnWeights& w) {
    const model::PackedMatrix& m = step.down ? w.down : slot == 0 ? w.gate : w.up;
    for (int64_t r = std::max<int64_t>(first, g.first); r < std::min<int64_t>(last, g.first + g.count); ++r) {
      const int32_t token = TokenOf(c, g, static_cast<int32_t>(r - g.first));
      if (const auto* low = c.adapters->Of(*c.batch, token, m); low != nullptr)
        worker.adapted.push_back(
            {low, r,
             step.down ? c.buffers->Row(Buffer::kHidden, r) : c.buffers->Row(Buffer::kNormed, token)});
    }
  });
  ShortRows(c, worker, slots, slot);
}

}  // namespace sluice::backend::cpu
