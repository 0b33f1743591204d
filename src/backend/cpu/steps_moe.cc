// Routing and experts. Tokens are sorted by expert; each expert's rows are one small matrix product; tiles of
// all experts form one list, so that an unbalanced router leaves no worker idle.
#include <algorithm>

#include "backend/cpu/adapters.h"
#include "backend/cpu/expert_groups.h"
#include "backend/cpu/router.h"
#include "backend/cpu/steps.h"
#include "backend/cpu/tiling.h"
#include "kernels/math.h"

namespace sluice::backend::cpu {

using model::Buffer;
using model::FfnWeights;

namespace {

// How gate_up is cut: whole experts are tiles; of the others, one of many tokens, as a shared one is, has
// tiles of fewer panels. A memory node's slices of all these stand together, tile by tile.
class GateUpTiling {
 public:
  GateUpTiling(const model::GateUpStep& step, const Context& c) : context_(c) {
    int64_t cost = 0;
    ForEachGroup(step, c, [&](const ExpertGroup& g, const FfnWeights& w) {
      if (g.whole) {
        ++whole_;
      } else {
        cost += w.up.panels() * PanelCost(g);
      }
    });
    cost_per_tile_ = cost / (TilesPerShare(c.tokens()) * static_cast<int64_t>(c.shares.size()));
  }
  // Of a cut expert on a node.
  Tiling Of(const ExpertGroup& g, const FfnWeights& w, int node) const {
    return {SliceOf(w.up.panels(), context_, node), std::max<int64_t>(1, cost_per_tile_ / PanelCost(g))};
  }
  // Of all cut experts on a node.
  int64_t CutTiles(const model::GateUpStep& step, int node) const {
    int64_t tiles = 0;
    ForEachCutGroup(step, context_,
                    [&](const ExpertGroup& g, const FfnWeights& w) { tiles += Of(g, w, node).tiles(); });
    return tiles;
  }
  // A share begins with whole experts, counted among these: they are only where memory is one node.
  Range Whole(const Share& share) const { return PartOf(whole_, share); }

 private:
  const Context& context_;
  int64_t whole_ = 0, cost_per_tile_ = 1;
};

// worker.x = the normed rows of a group's tokens, as `m` reads them. An expert's tokens lie here and there:
// where products of many prefer it, their rows are copied together, once for many panels.
void TakeTokens(const Context& c, Worker& worker, const ExpertGroup& g, const model::PackedMatrix& m) {
  constexpr int32_t kMany = 16;
  worker.x.resize(static_cast<size_t>(g.count));
  for (int32_t i = 0; i < g.count; ++i)
    worker.x[i] = c.buffers->ActRow(Buffer::kNormed, m.activations, TokenOf(c, g, i));
  if (!c.kernels->prefers_even_rows || m.activations != kernels::ActType::kQ8x256 || g.expert == kShared ||
      g.count < kMany)
    return;
  const int64_t bytes = kernels::ActRowBytes(m.activations, m.cols);
  std::byte* row = worker.Bytes(g.count * bytes);
  for (int32_t i = 0; i < g.count; ++i, row += bytes) {
    std::copy_n(worker.x[i], bytes, row);
    worker.x[i] = row;
  }
}

kernels::Activation ActivationOf(model::Act act) {
  switch (act) {
    case model::Act::kGelu:
      return kernels::Activation::kGelu;
    case model::Act::kGeluTanh:
      return kernels::Activation::kGeluTanh;
    case model::Act::kRelu:
      return kernels::Activation::kRelu;
    case model::Act::kSilu:
    case model::Act::kClampedSwiglu:  // a kernel of its own
      break;
  }
  return kernels::Activation::kSilu;
}

// hidden = act(gate) * up for one token and `rows` outputs.
void Activate(const model::GateUpStep& step, const Context& c, const float* gate, const float* up,
              int64_t rows, float* hidden) {
  if (step.act == model::Act::kClampedSwiglu) {
    c.kernels->glu_clamped(gate, up, step.limit, step.alpha, rows, hidden);
  } else if (gate != nullptr) {
    c.kernels->glu(ActivationOf(step.act), gate, up, rows, hidden);
  } else {
    c.kernels->glu(ActivationOf(step.act), up, nullptr, rows, hidden);
  }
}

void GateUpPanels(const model::GateUpStep& step, const Context& c, Worker& worker, const ExpertGroup& g,
                  const FfnWeights& w, int64_t first, int64_t last) {
  const int64_t row0 = first * kPanelRows, rows = std::min(last * kPanelRows, w.up.rows) - row0;
  const int64_t width = SpreadStride((last - first) * kPanelRows);
  float* up = worker.Floats(g.count * width);
  float* gate = worker.MoreFloats(g.count * width);
  const auto product = [&](std::span<const model::PackedMatrix* const> matrices, float* const* out) {
    TakeTokens(c, worker, g, *matrices[0]);
    MatmulPanels(c, worker, matrices, first, last, g.count,
                 [&](size_t m, int64_t t, int64_t row) { return out[m] + t * width + row - row0; });
  };
  const model::PackedMatrix* const matrices[] = {&w.gate, &w.up};  // as their panels lie in memory
  float* const outs[] = {gate, up};
  if (w.gate && w.gate.activations == w.up.activations) {
    product(matrices, outs);
  } else {
    product(std::span(matrices).subspan(1), outs + 1);
    if (w.gate) product(std::span(matrices).first(1), outs);
  }
  const auto adapt = [&](const model::PackedMatrix& m, int64_t slot, float* out) {
    AddAdapters(
        c, worker, m, 2, slot, first, last, g.count,
        [&](int64_t i) { return TokenOf(c, g, static_cast<int32_t>(i)); },
        [&](int64_t i) { return g.first + i; },
        [&](int64_t i, int64_t row) { return out + i * width + row - row0; });
  };
  if (w.gate) adapt(w.gate, 0, gate);
  adapt(w.up, 1, up);
  const auto finish = [&](const float* bias, float* out) {
    for (int32_t i = 0; i < g.count; ++i) {
      if (step.weight_on_input && g.expert != kShared)
        c.kernels->scale(c.routing->row_weight[g.first + i], rows, out + i * width);
      if (bias != nullptr) c.kernels->axpy(1.0f, bias + row0, rows, out + i * width);
    }
  };
  finish(w.up_bias, up);
  if (w.gate) finish(w.gate_bias, gate);
  for (int32_t i = 0; i < g.count; ++i)
    Activate(step, c, w.gate ? gate + i * width : nullptr, up + i * width, rows,
             c.buffers->Row(Buffer::kHidden, g.first + i) + row0);
}

// out(i, row): where the product of down with the group's i-th row goes.
template <typename OutFn>
void DownPanels(const Context& c, Worker& worker, const ExpertGroup& g, const FfnWeights& w, int64_t first,
                int64_t last, OutFn out) {
  worker.x.resize(static_cast<size_t>(g.count));
  for (int32_t i = 0; i < g.count; ++i)
    worker.x[i] = c.buffers->ActRow(Buffer::kHidden, w.down.activations, g.first + i);
  MatmulPanels(c, worker, w.down, first, last, g.count, out);
  AddAdapters(
      c, worker, w.down, 1, 0, first, last, g.count,
      [&](int64_t i) { return TokenOf(c, g, static_cast<int32_t>(i)); },
      [&](int64_t i) { return g.first + i; }, out);
}

void QuantizeHidden(const Context& c, Worker& worker, const FfnWeights& w, int64_t row) {
  QuantizeRow(c, worker, Buffer::kHidden, row, w.down.cols, model::Bit(w.down.activations));
}

// From gate to down's products, which DownStep weighs and sums.
void WholeExpert(const model::GateUpStep& step, const Context& c, Worker& worker, const ExpertGroup& g,
                 const FfnWeights& w) {
  GateUpPanels(step, c, worker, g, w, 0, w.up.panels());
  const bool timed = c.batch->times != nullptr;
  const StepClock::Clock::time_point start = timed ? StepClock::Clock::now() : StepClock::Clock::time_point{};
  for (int32_t i = 0; i < g.count; ++i) QuantizeHidden(c, worker, w, g.first + i);
  DownPanels(c, worker, g, w, 0, w.down.panels(),
             [&](int64_t i, int64_t row) { return c.buffers->Row(Buffer::kExpertOut, g.first + i) + row; });
  if (timed) worker.early += StepClock::Clock::now() - start;
}

}  // namespace

int64_t TileCount(const model::RouteStep&, const Context& c) { return c.tokens(); }
void RunTile(const model::RouteStep& step, const Context& c, Worker& worker, int64_t t) {
  const model::Router& router = step.router;
  Routing& r = *c.routing;
  float* logits = c.buffers->Row(Buffer::kRouterLogits, t);
  if (step.logit_bias != nullptr) c.kernels->axpy(1.0f, step.logit_bias, router.experts, logits);
  int32_t* experts = r.experts.data() + t * router.top_k;
  float* weights = r.weights.data() + t * router.top_k;
  SelectExperts(router, *c.kernels, step.selection_bias, step.expert_scale, logits,
                worker.Floats(2 * router.experts), experts, weights);
  if (c.batch->trace != nullptr) {
    RouterTrace::Layer& layer = c.batch->trace->layers[step.moe];
    std::copy_n(experts, router.top_k, layer.experts.begin() + t * router.top_k);
    std::copy_n(weights, router.top_k, layer.weights.begin() + t * router.top_k);
  }
  // Whoever routes the last token sorts them all.
  if (r.routed.fetch_add(1, std::memory_order_acq_rel) + 1 == c.tokens()) {
    r.routed.store(0, std::memory_order_relaxed);
    GroupByExpert(router, c);
  }
}

namespace {
// What many rows' gates and ups of so many panels take stays in the cache until they are joined.
constexpr int64_t kPanelsTogether = 8;
}  // namespace

void CountTiles(const model::GateUpStep& step, const Context& c, std::span<int64_t> counts) {
  const GateUpTiling tiling(step, c);
  int64_t cut = 0;
  for (size_t s = 0; s < counts.size(); ++s) {
    const Share& share = c.shares[s];
    if (share.part == 0) cut = tiling.CutTiles(step, share.node);
    counts[s] = tiling.Whole(share).size() + PartOf(cut, share).size();
  }
}
void RunTile(const model::GateUpStep& step, const Context& c, Worker& worker, ShareTile tile) {
  const Share& share = c.shares[tile.share];
  const GateUpTiling tiling(step, c);
  const Range whole = tiling.Whole(share);
  if (tile.number < whole.size()) {
    int64_t i = whole.first + tile.number;
    ForEachGroup(step, c, [&](const ExpertGroup& g, const FfnWeights& w) {
      if (g.whole && i-- == 0) WholeExpert(step, c, worker, g, w);
    });
    return;
  }
  int64_t i = PartOf(tiling.CutTiles(step, share.node), share).first + tile.number - whole.size();
  ForEachCutGroup(step, c, [&](const ExpertGroup& g, const FfnWeights& w) {
    const Tiling panels = tiling.Of(g, w, share.node);
    if (i >= 0 && i < panels.tiles()) {
      const auto [first, last] = panels.Tile(i);
      const int64_t together = g.count > kFewRows ? kPanelsTogether : panels.length;
      for (int64_t p = first; p < last; p += together)
        GateUpPanels(step, c, worker, g, w, p, std::min(p + together, last));
    }
    i -= panels.tiles();
  });
}

int64_t TileCount(const model::QuantizeHiddenStep& step, const Context& c) {
  int64_t rows = 0;
  ForEachCutGroup(step, c, [&](const ExpertGroup& g, const FfnWeights&) { rows += g.count; });
  return rows;
}
void RunTile(const model::QuantizeHiddenStep& step, const Context& c, Worker& worker, int64_t tile) {
  ForEachCutGroup(step, c, [&](const ExpertGroup& g, const FfnWeights& w) {
    if (tile >= 0 && tile < g.count) QuantizeHidden(c, worker, w, g.first + tile);
    tile -= g.count;
  });
}

namespace {
int64_t OutputPanels(const model::DownStep& step) {
  return step.experts != nullptr ? step.experts->front().down.panels() : step.shared->down.panels();
}
// Rows that a cut expert has, usually.
int64_t CutRows(const model::DownStep& step, const Context& c) {
  int64_t rows = 0, groups = 0;
  ForEachCutGroup(step, c, [&](const ExpertGroup& g, const FfnWeights&) {
    rows += g.count;
    ++groups;
  });
  return rows / std::max<int64_t>(1, groups);
}
}  // namespace

// A tile takes the same panels of every expert; of whole ones there is only the sum to do.
void CountTiles(const model::DownStep& step, const Context& c, std::span<int64_t> counts) {
  CountMatrixTiles(OutputPanels(step), CutRows(step, c), c, counts);
}
void RunTile(const model::DownStep& step, const Context& c, Worker& worker, ShareTile tile) {
  const auto [first, last] = PanelsOf(tile, OutputPanels(step), CutRows(step, c), c);
  const int64_t dim = c.plan->width[static_cast<int>(Buffer::kStream)];
  const int64_t row0 = first * kPanelRows, rows = std::min(last * kPanelRows, dim) - row0;
  const int64_t width = SpreadStride((last - first) * kPanelRows);
  float* sum = worker.MoreFloats(c.tokens() * width);
  std::fill_n(sum, c.tokens() * width, 0.0f);
  ForEachGroup(step, c, [&](const ExpertGroup& g, const FfnWeights& w) {
    float* products = worker.Floats(g.count * width);
    if (!g.whole)
      DownPanels(c, worker, g, w, first, last,
                 [&](int64_t i, int64_t row) { return products + i * width + row - row0; });
    for (int32_t i = 0; i < g.count; ++i) {
      float* product =
          g.whole ? c.buffers->Row(Buffer::kExpertOut, g.first + i) + row0 : products + i * width;
      const int32_t t = TokenOf(c, g, i);
      if (w.down_bias != nullptr) c.kernels->axpy(1.0f, w.down_bias + row0, rows, product);
      float weight = 1;
      if (g.expert != kShared && !step.weight_on_input) weight = c.routing->row_weight[g.first + i];
      if (g.expert == kShared && step.shared_gate)
        weight = kernels::Sigmoid(*c.buffers->Row(Buffer::kSharedGate, t));
      c.kernels->axpy(weight, product, rows, sum + t * width);
    }
  });
  for (int64_t t = 0; t < c.tokens(); ++t) {
    Join(c, step.out, step.scale, sum + t * width, t, row0, rows);
  }
}

}  // namespace sluice::backend::cpu
