// What the steps of a batch share: buffers, the batch, routing results; and what each worker has for itself.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "backend/cpu/step_clock.h"
#include "base/arena.h"
#include "base/node_layout.h"
#include "kernels/table.h"
#include "kv/pool.h"
#include "model/plan.h"

namespace sluice::backend::cpu {

using kernels::kPanelRows;

// Rows of one expert: assignments [first, first + count) of kHidden.
struct ExpertGroup {
  int32_t expert = 0;  // kShared: the expert that every token uses
  int32_t first = 0, count = 0;
  bool whole = false;  // one tile of gate_up computes down too
};
inline constexpr int32_t kShared = -1;
inline constexpr int64_t kWholeTokens = 32;  // with more, no expert is whole

// Floats between rows of `width`: an odd number of cache lines, so that the same column of many rows does not
// fall into few sets of a cache.
constexpr int64_t SpreadStride(int64_t width) {
  if (width == 0) return 0;
  constexpr int64_t kLine = 16;
  return ((width + kLine - 1) / kLine | 1) * kLine;
}

// Float rows and their quantised forms for every buffer of a plan.
class Buffers {
 public:
  static Result<Buffers> Create(const model::Plan& plan, int max_tokens);

  float* Row(model::Buffer b, int64_t row) const {
    return float_[Index(b)].base + row * float_[Index(b)].stride;
  }
  int64_t stride(model::Buffer b) const { return float_[Index(b)].stride; }
  // The row in the form that a matrix product reads.
  std::byte* ActRow(model::Buffer b, kernels::ActType type, int64_t row) const {
    if (type == kernels::ActType::kF32) return reinterpret_cast<std::byte*>(Row(b, row));
    const Acts& a = act_[Index(b)][static_cast<int>(type)];
    return a.base + row * a.stride;
  }

 private:
  struct Floats {
    float* base = nullptr;
    int64_t stride = 0;  // floats, a multiple of 16
  };
  struct Acts {
    std::byte* base = nullptr;
    int64_t stride = 0;
  };
  static int Index(model::Buffer b) { return static_cast<int>(b); }

  Floats float_[model::kBuffers];
  Acts act_[model::kBuffers][kernels::kActTypes];
  Arena arena_;
};

// Tokens by expert, of the MoE layer that was routed last.
struct Routing {
  std::vector<int32_t> experts;  // [tokens * top_k], in the order of choice
  std::vector<float> weights;
  std::vector<ExpertGroup> groups;  // by rising expert; only experts that were chosen
  std::vector<int32_t> row_token;   // [assignments] the token of a kHidden row
  std::vector<float> row_weight;    // [assignments]
  std::vector<int32_t> first_row;   // [experts + 1], scratch of the counting sort
  std::atomic<int64_t> routed{0};   // tokens of this layer
};

// A batch's tokens by sequence, for steps that pass a state from token to token.
struct SequenceRuns {
  struct Run {
    int32_t sequence = 0;
    int32_t first = 0, count = 0;  // of `tokens`
  };
  std::vector<int32_t> tokens;  // indices into the batch: sequence by sequence, by rising position
  std::vector<Run> runs;        // only sequences that have tokens

  void Sort(const Batch& batch);
};

// Tokens [first, first + count) of a batch: consecutive positions of one sequence.
struct TokenRun {
  int32_t first = 0, count = 0;
};

// The positions that sparse attention sees, as the indexer that ran last chose them.
class Choice {
 public:
  // `chosen` positions for each token; scores are kept for `scored` tokens of up to `positions` positions.
  static Result<Choice> Create(int64_t tokens, int64_t chosen, int64_t scored, int64_t positions);

  int32_t* Positions(int64_t t) {  // rising
    return reinterpret_cast<int32_t*>(positions_.data()) + t * chosen_;
  }
  float* Scores(int64_t t) { return reinterpret_cast<float*>(scores_.data()) + t * stride_; }

 private:
  int64_t chosen_ = 0, stride_ = 0;
  Arena positions_, scores_;
};

class AdapterRows;

// One row that an adapter changes: `in` is x or A x, `row` what the caller calls it.
struct AdaptedRow {
  const model::LowRankMatrix* matrices;
  int64_t row;
  const float* in;
};
class SpanStates;  // attend_cut.h

// What a worker begins with of every step: one of `parts` parts of what its memory node holds.
struct Share {
  int node = 0, part = 0, parts = 1;
};
// A tile of a step.
struct ShareTile {
  int share = 0;
  int64_t number = 0;  // among the share's
  int64_t all = 0;     // tiles of all shares
};
// The shares of a team, node by node: one for each worker, and one of each node that has none.
struct TeamShares {
  std::vector<Share> shares;
  std::vector<int> own;  // [workers] index of the share

  TeamShares(const ThreadTeam& team, int nodes);
};

struct Context {
  const model::Plan* plan = nullptr;
  const kernels::Table* kernels = nullptr;
  kv::Pool* pool = nullptr;
  Buffers* buffers = nullptr;
  Routing* routing = nullptr;
  Choice* choice = nullptr;
  AdapterRows* adapters = nullptr;  // null: no sequence of the batch has an adapter
  const SpanStates* spans = nullptr;
  int workers = 1;
  int nodes = 1;  // memory nodes, each with a slice of every matrix
  std::vector<Share> shares;
  const Batch* batch = nullptr;
  std::span<const int32_t> outputs;                 // tokens that want logits, then those that want states
  int64_t logits = 0;                               // how many of the former
  std::span<const TokenRun> runs;                   // all tokens
  const SequenceRuns* sequence_runs = nullptr;      // sorted where the plan keeps states
  std::vector<std::vector<float>>* rope = nullptr;  // per table: [tokens][2 * pairs], cosines then sines

  int64_t tokens() const { return static_cast<int64_t>(batch->tokens.size()); }
};

// One worker's scratch; grows to what the largest step needs and stays.
struct Worker {
  std::vector<const std::byte*> x;
  std::vector<float*> y;
  std::vector<const std::byte*> key_pages, value_pages;
  std::vector<const float*> rows[3];
  std::vector<AdaptedRow> adapted;  // of a batch's adapters
  StepClock::Clock::duration
      early{};  // of this step's tiles, for the next DownStep; only where steps are timed

  float* Floats(int64_t n);      // 64-byte aligned
  float* MoreFloats(int64_t n);  // a second area
  std::byte* Bytes(int64_t n);   // 64-byte aligned

 private:
  struct Area {
    std::vector<std::byte> bytes;
    std::byte* Get(int64_t n);
  };
  Area floats_, more_floats_, bytes_;
};

inline constexpr int64_t kTokenBlock = 128;  // activations that stay in the cache while panels pass

// worker.y[0, count) += panel p times the second rows of worker.x[t0, t0 + count); at most kTokenBlock rows.
void AddSecondRows(const Context& c, Worker& worker, const model::PackedMatrix& m, int64_t p, int64_t t0,
                   int64_t count);

// y = matrix x for the rows of panels [first, last) of matrices of one shape that read the same rows, panel
// by panel: in memory order where their panels alternate. worker.x holds n activation rows; out(i, t, row) is
// where the product of matrix i and token t with matrix row `row` and those after it goes.
template <typename OutFn>
void MatmulPanels(const Context& c, Worker& worker, std::span<const model::PackedMatrix* const> matrices,
                  int64_t first, int64_t last, int64_t n, OutFn out) {
  if (c.batch->observer != nullptr && first == 0)
    for (const model::PackedMatrix* m : matrices)
      c.batch->observer->Read(*m, std::span(worker.x).first(static_cast<size_t>(n)));
  worker.y.resize(static_cast<size_t>(kTokenBlock));
  alignas(64) float part[kTokenBlock * kPanelRows];
  for (int64_t t0 = 0; t0 < n; t0 += kTokenBlock) {
    const int64_t count = std::min(kTokenBlock, n - t0);
    for (int64_t p = first; p < last; ++p)
      for (size_t i = 0; i < matrices.size(); ++i) {
        const model::PackedMatrix& m = *matrices[i];
        const int64_t rows = std::min<int64_t>(kPanelRows, m.rows - p * kPanelRows);
        for (int64_t t = 0; t < count; ++t)
          worker.y[t] = rows == kPanelRows ? out(i, t0 + t, p * kPanelRows) : part + t * kPanelRows;
        c.kernels->Matmul(m.dtype, count)(m.Panel(p), m.cols, worker.x.data() + t0, count, worker.y.data());
        if (m.activations == kernels::ActType::kQ8x32Twice) AddSecondRows(c, worker, m, p, t0, count);
        if (rows == kPanelRows) continue;
        for (int64_t t = 0; t < count; ++t)
          std::copy_n(part + t * kPanelRows, rows, out(i, t0 + t, p * kPanelRows));
      }
  }
}

// The same of one matrix: out(t, row).
template <typename OutFn>
void MatmulPanels(const Context& c, Worker& worker, const model::PackedMatrix& m, int64_t first, int64_t last,
                  int64_t n, OutFn out) {
  const model::PackedMatrix* one[] = {&m};
  MatmulPanels(c, worker, one, first, last, n, [&](size_t, int64_t t, int64_t row) { return out(t, row); });
}

// Writes the quantised form of a float row; the worker's floats are scratch.
void Quantize(const Context& c, Worker& worker, kernels::ActType type, const float* x, int64_t k,
              std::byte* out);
// The way back of a branch's output, elements [first, first + n) of token t: added, or set where a norm
// follows.
void Join(const Context& c, model::Buffer out, float scale, const float* x, int64_t t, int64_t first,
          int64_t n);
void QuantizeRow(const Context& c, Worker& worker, model::Buffer buffer, int64_t row, int64_t width,
                 model::ActSet acts);

}  // namespace sluice::backend::cpu
