// Embedding, norms, projections, head.
#include <algorithm>
#include <cmath>

#include "backend/cpu/adapters.h"
#include "backend/cpu/steps.h"
#include "backend/cpu/tiling.h"
#include "kernels/math.h"

namespace sluice::backend::cpu {

using model::Buffer;

namespace {

void Normalize(const Context& c, const model::Norm& norm, const model::NormWeights& w, const float* in,
               int64_t n, float* out) {
  switch (norm.kind) {
    case model::Norm::Kind::kRms:
      return c.kernels->rms_norm(in, w.weight, norm.eps, n, out);
    case model::Norm::Kind::kLayer:
      return c.kernels->layer_norm(in, w.weight, w.bias, norm.eps, n, out);
    case model::Norm::Kind::kNone:
      std::copy_n(in, n, out);
  }
}

// worker.x = the rows [0, n) of a buffer, as `m` reads them.
void TakeRows(const Context& c, Worker& worker, Buffer in, const model::PackedMatrix& m, int64_t n) {
  worker.x.resize(static_cast<size_t>(n));
  for (int64_t t = 0; t < n; ++t) worker.x[t] = c.buffers->ActRow(in, m.activations, t);
}

}  // namespace

int64_t TileCount(const model::EmbedStep&, const Context& c) { return c.tokens(); }
void RunTile(const model::EmbedStep& step, const Context& c, Worker&, int64_t t) {
  const BatchToken& token = c.batch->tokens[t];
  float* row = c.buffers->Row(Buffer::kStream, t);
  kernels::DecodePanelRow(step.table->dtype, step.table->Panel(token.id / kPanelRows), step.table->cols,
                          token.id % kPanelRows, row);
  if (step.scale != 1) c.kernels->scale(step.scale, step.table->cols, row);
  for (size_t r = 0; r < c.plan->ropes.size(); ++r) {
    const int64_t pairs = c.plan->ropes[r].pairs();
    const model::RopeTable::Angles& table = c.plan->ropes[r].For(c.batch->sequences[token.sequence]->longest);
    float* angles = (*c.rope)[r].data() + t * 2 * pairs;
    for (int64_t i = 0; i < pairs; ++i) {
      const double angle = static_cast<double>(token.position) * table.inv_freq[i];
      angles[i] = static_cast<float>(std::cos(angle) * table.magnitude);
      angles[pairs + i] = static_cast<float>(std::sin(angle) * table.magnitude);
    }
  }
}

int64_t TileCount(const model::CopyStep&, const Context& c) { return c.tokens(); }
void RunTile(const model::CopyStep&, const Context& c, Worker&, int64_t t) {
  std::copy_n(c.buffers->Row(Buffer::kStream, t), c.plan->width[static_cast<int>(Buffer::kStream)],
              c.buffers->Row(Buffer::kLayerInput, t));
}

int64_t TileCount(const model::NormStep& step, const Context& c) {
  return step.outputs_only ? static_cast<int64_t>(c.outputs.size()) : c.tokens();
}
void RunTile(const model::NormStep& step, const Context& c, Worker& worker, int64_t t) {
  const float* in = c.buffers->Row(step.in, step.outputs_only ? c.outputs[t] : t);
  Normalize(c, step.norm, step.weights, in, step.width, c.buffers->Row(step.out, t));
  QuantizeRow(c, worker, step.out, t, step.width, step.acts);
}

int64_t TileCount(const model::QuantizeStep&, const Context& c) { return c.tokens(); }
void RunTile(const model::QuantizeStep& step, const Context& c, Worker& worker, int64_t t) {
  QuantizeRow(c, worker, step.buffer, t, step.width, step.acts);
}

namespace {
// Panels are counted over all parts of the step on the share's node.
ShareTiling TilingOf(const model::ProjectStep& step, const Context& c, const Share& share) {
  int64_t panels = 0;
  for (const auto& part : step.parts) panels += SliceOf(part.matrix->panels(), c, share.node).size();
  return {PartOf(panels, share), c.tokens()};
}
}  // namespace

void CountTiles(const model::ProjectStep& step, const Context& c, std::span<int64_t> counts) {
  for (size_t s = 0; s < counts.size(); ++s) counts[s] = TilingOf(step, c, c.shares[s]).tiles();
}
void RunTile(const model::ProjectStep& step, const Context& c, Worker& worker, ShareTile tile) {
  const Share& share = c.shares[tile.share];
  const Range panels = TilingOf(step, c, share).Tile(tile.number);
  const auto same = [](int64_t t) { return t; };
  const int64_t slots = static_cast<int64_t>(step.parts.size());
  int64_t part_first = 0, slot = -1;
  for (const auto& part : step.parts) {
    ++slot;
    const model::PackedMatrix& m = *part.matrix;
    const Range slice = SliceOf(m.panels(), c, share.node);
    const int64_t begin = std::clamp(slice.first + panels.first - part_first, slice.first, slice.last);
    const int64_t end = std::clamp(slice.first + panels.last - part_first, slice.first, slice.last);
    part_first += slice.size();
    if (begin == end) continue;
    TakeRows(c, worker, step.in, m, c.tokens());
    const auto out = [&](int64_t t, int64_t row) { return c.buffers->Row(part.out, t) + row; };
    MatmulPanels(c, worker, m, begin, end, c.tokens(), out);
    AddAdapters(c, worker, m, slots, slot, begin, end, c.tokens(), same, same, out);
    if (part.bias == nullptr) continue;
    const int64_t row0 = begin * kPanelRows, rows = std::min(end * kPanelRows, m.rows) - row0;
    for (int64_t t = 0; t < c.tokens(); ++t)
      c.kernels->axpy(1.0f, part.bias + row0, rows, c.buffers->Row(part.out, t) + row0);
  }
}

void CountTiles(const model::ResidualStep& step, const Context& c, std::span<int64_t> counts) {
  CountMatrixTiles(step.matrix->panels(), c.tokens(), c, counts);
}
void RunTile(const model::ResidualStep& step, const Context& c, Worker& worker, ShareTile tile) {
  const model::PackedMatrix& m = *step.matrix;
  const auto [first, last] = PanelsOf(tile, m.panels(), c.tokens(), c);
  const int64_t row0 = first * kPanelRows, rows = std::min(last * kPanelRows, m.rows) - row0;
  const int64_t width = (last - first) * kPanelRows;
  float* product = worker.Floats(c.tokens() * width);
  TakeRows(c, worker, step.in, m, c.tokens());
  const auto out = [&](int64_t t, int64_t row) { return product + t * width + row - row0; };
  const auto same = [](int64_t t) { return t; };
  MatmulPanels(c, worker, m, first, last, c.tokens(), out);
  AddAdapters(c, worker, m, 1, 0, first, last, c.tokens(), same, same, out);
  for (int64_t t = 0; t < c.tokens(); ++t) {
    float* y = product + t * width;
    if (step.bias != nullptr) c.kernels->axpy(1.0f, step.bias + row0, rows, y);
    Join(c, step.out, step.scale, y, t, row0, rows);
  }
}

int64_t TileCount(const model::AddNormStep&, const Context& c) { return c.tokens(); }
void RunTile(const model::AddNormStep& step, const Context& c, Worker& worker, int64_t t) {
  const int64_t width = c.plan->width[static_cast<int>(Buffer::kStream)];
  float* normed = worker.Floats(width);
  Normalize(c, step.norm, step.weights, c.buffers->Row(step.in, t), width, normed);
  c.kernels->axpy(step.scale, normed, width, c.buffers->Row(step.out, t));
}

int64_t TileCount(const model::ZeroStep&, const Context& c) { return c.tokens(); }
void RunTile(const model::ZeroStep& step, const Context& c, Worker&, int64_t t) {
  std::fill_n(c.buffers->Row(step.buffer, t), c.plan->width[static_cast<int>(step.buffer)], 0.0f);
}

int64_t TileCount(const model::ScaleStep&, const Context& c) { return c.tokens(); }
void RunTile(const model::ScaleStep& step, const Context& c, Worker&, int64_t t) {
  c.kernels->scale(*step.factor, c.plan->width[static_cast<int>(Buffer::kStream)],
                   c.buffers->Row(Buffer::kStream, t));
}

void CountTiles(const model::HeadStep& step, const Context& c, std::span<int64_t> counts) {
  CountMatrixTiles(c.logits == 0 ? 0 : step.matrix->panels(), c.logits, c, counts);
}
void RunTile(const model::HeadStep& step, const Context& c, Worker& worker, ShareTile tile) {
  const model::PackedMatrix& m = *step.matrix;
  const int64_t n = c.logits;
  const auto [first, last] = PanelsOf(tile, m.panels(), n, c);
  TakeRows(c, worker, Buffer::kFinal, m, n);
  const auto out = [&](int64_t t, int64_t row) { return c.buffers->Row(Buffer::kLogits, t) + row; };
  MatmulPanels(c, worker, m, first, last, n, out);
  AddAdapters(
      c, worker, m, 1, 0, first, last, n, [&](int64_t i) { return c.outputs[i]; },
      [](int64_t i) { return i; }, out);
  const int64_t row0 = first * kPanelRows, rows = std::min(last * kPanelRows, m.rows) - row0;
  for (int64_t t = 0; t < n; ++t) {
    float* logits = c.buffers->Row(Buffer::kLogits, t) + row0;
    if (step.bias != nullptr) c.kernels->axpy(1.0f, step.bias + row0, rows, logits);
    if (step.scale != 1) c.kernels->scale(step.scale, rows, logits);
    if (step.logit_cap != 0)
      for (int64_t i = 0; i < rows; ++i)
        logits[i] = step.logit_cap * kernels::Tanh(logits[i] / step.logit_cap);
  }
}

}  // namespace sluice::backend::cpu
