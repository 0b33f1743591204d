// LoRA in a batch (model/lora.h). A step of its own computes the short rows A x of those tokens whose
// sequences have an adapter; the step that multiplies with the matrix then adds B (A x) to its product,
// before bias and all else. A token without adapter gets nothing added, not even zeros.
#pragma once

#include <span>
#include <vector>

#include "backend/cpu/context.h"
#include "model/lora.h"

namespace sluice::backend::cpu {

class AdapterRows {
 public:
  // Makes room for the short rows of any step of this batch. False: no sequence of it has an adapter.
  bool Start(const Batch& batch, const model::Plan& plan);

  // Of token t: nullptr if its sequence has no adapter, or the adapter leaves `m` alone.
  const model::LowRankMatrix* Of(const Batch& batch, int64_t t, const model::PackedMatrix& m) const {
    const model::Adapter* adapter = batch.adapters[batch.tokens[t].sequence];
    return adapter == nullptr ? nullptr : adapter->Find(m);
  }
  // The short row of a step's row for the `slot`-th of its `slots` matrices.
  float* Row(int64_t row, int64_t slots, int64_t slot) {
    return rows_.data() + (row * slots + slot) * stride_;
  }

 private:
  int64_t stride_ = 0;  // floats: the largest rank of the batch in whole panels
  std::vector<float> rows_;
};

// Calls use(same) for each longest run of rows with the same adapter, at most 64; sorts them for it.
template <typename Use>
void ForEachAdapter(std::vector<AdaptedRow>& rows, Use use) {
  constexpr size_t kMost = 64;
  std::ranges::stable_sort(rows, std::less<>(), &AdaptedRow::matrices);
  for (size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    while (end < rows.size() && end - begin < kMost && rows[end].matrices == rows[begin].matrices) ++end;
    use(std::span(rows).subspan(begin, end - begin));
  }
}

// products[t] = panel p of `m` times the row; 16 floats each. At most 64 rows.
void MultiplyPanel(const Context& c, const model::PackedMatrix& m, int64_t p,
                   std::span<const AdaptedRow> rows, float* products);

// Adds B (A x) of the rows' adapters to the rows of panels [first, last); out(row, r) is where the product of
// a caller's row with matrix row r is.
template <typename OutFn>
void AddLowRank(const Context& c, std::vector<AdaptedRow>& rows, int64_t first, int64_t last, OutFn out) {
  constexpr int64_t kMost = 64;
  alignas(64) float products[kMost * kPanelRows];
  ForEachAdapter(rows, [&](std::span<const AdaptedRow> same) {
    const model::PackedMatrix& b = same.front().matrices->b;
    for (int64_t p = first; p < last; ++p) {
      MultiplyPanel(c, b, p, same, products);
      const int64_t n = std::min<int64_t>(kPanelRows, b.rows - p * kPanelRows);
      for (size_t t = 0; t < same.size(); ++t) {
        float* y = out(same[t].row, p * kPanelRows);
        for (int64_t i = 0; i < n; ++i) y[i] += products[t * kPanelRows + i];
      }
    }
  });
}

// AddLowRank to a product with `m` of n rows whose A x a step of its own has computed. token(i): the batch's
// token of the i-th; row(i): the number of its short row there.
template <typename TokenFn, typename RowFn, typename OutFn>
void AddAdapters(const Context& c, Worker& worker, const model::PackedMatrix& m, int64_t slots, int64_t slot,
                 int64_t first, int64_t last, int64_t n, TokenFn token, RowFn row, OutFn out) {
  if (c.adapters == nullptr) return;
  worker.adapted.clear();
  for (int64_t i = 0; i < n; ++i)
    if (const model::LowRankMatrix* low = c.adapters->Of(*c.batch, token(i), m); low != nullptr)
      worker.adapted.push_back({low, i, c.adapters->Row(row(i), slots, slot)});
  AddLowRank(c, worker.adapted, first, last, out);
}

// The whole of it in one tile, for a matrix of few rows: x(i) is the i-th token's row.
template <typename InFn, typename OutFn>
void AddWholeAdapters(const Context& c, Worker& worker, const model::PackedMatrix& m, InFn x, OutFn out) {
  if (c.adapters == nullptr) return;
  worker.adapted.clear();
  int64_t rank = 0;
  for (int64_t t = 0; t < c.tokens(); ++t)
    if (const model::LowRankMatrix* low = c.adapters->Of(*c.batch, t, m); low != nullptr) {
      worker.adapted.push_back({low, t, x(t)});
      rank = std::max(rank, low->a.panels() * kPanelRows);
    }
  if (worker.adapted.empty()) return;
  float* shorts = worker.MoreFloats(c.tokens() * rank);
  constexpr int64_t kMost = 64;
  alignas(64) float products[kMost * kPanelRows];
  ForEachAdapter(worker.adapted, [&](std::span<const AdaptedRow> same) {
    for (int64_t p = 0; p < same.front().matrices->a.panels(); ++p) {
      MultiplyPanel(c, same.front().matrices->a, p, same, products);
      for (size_t t = 0; t < same.size(); ++t)
        std::copy_n(products + t * kPanelRows, kPanelRows, shorts + same[t].row * rank + p * kPanelRows);
    }
  });
  for (AdaptedRow& r : worker.adapted) r.in = shorts + r.row * rank;
  AddLowRank(c, worker.adapted, 0, m.panels(), out);
}

}  // namespace sluice::backend::cpu
