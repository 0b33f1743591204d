#include "model/panel_run.h"

#include <algorithm>
#include <cstring>

#include "kernels/blocks.h"
#include "model/view_rows.h"

namespace sluice::model {
namespace {

using kernels::kPanelRows;

constexpr int64_t kSliceBytes = 1 << 20;

bool OnItsSide(const MatrixSource& s) { return s.transpose || s.view->transposed; }

bool AsStored(const PanelPart& part) {
  return part.dtype == part.source.view->dtype && !OnItsSide(part.source) &&
         part.source.view->panel_stride == 0;
}

// Packs panels of a matrix whose rows stand in the file as they are.
void PackStoredRows(const PanelPart& part, int64_t panel, std::byte* out) {
  const MatrixSource& s = part.source;
  kernels::PanelRows rows;
  std::vector<std::byte> joined[kPanelRows];
  for (int64_t i = 0; i < kPanelRows && panel * kPanelRows + i < s.rows; ++i) {
    const int64_t r = s.first_row + panel * kPanelRows + i;
    rows.row[i] = StoredRow(*s.view, r, joined[i]);
    if (s.view->block_scale != nullptr) rows.scale[i] = s.view->block_scale + r / 128 * s.view->scale_stride;
  }
  kernels::PackPanel(part.dtype, rows, s.cols, out);
}

// Packs rows of floats (row stride `cols`).
void PackFloatRows(const PanelPart& part, const float* values, int64_t rows_left,
                   std::vector<std::byte>& scratch, std::byte* out) {
  const int64_t cols = part.source.cols;
  const int64_t row_bytes = *RowBytes(part.dtype, cols);
  scratch.resize(static_cast<size_t>(row_bytes * kPanelRows));
  kernels::PanelRows rows;
  for (int64_t i = 0; i < std::min<int64_t>(kPanelRows, rows_left); ++i) {
    std::byte* row = scratch.data() + i * row_bytes;
    kernels::EncodeRow(part.dtype, values + i * cols, cols, row, part.importance);
    rows.row[i] = row;
  }
  kernels::PackPanel(part.dtype, rows, cols, out);
}

// Rows [first, first + n) of the source as floats, [n][cols]. Where the matrix stands on its side in the
// file, whole stored rows are decoded and spread: n should then be all rows.
std::vector<float> DecodeSource(const MatrixSource& s, int64_t first, int64_t n) {
  const WeightView& view = *s.view;
  std::vector<float> values(static_cast<size_t>(n * s.cols));
  if (!OnItsSide(s)) {
    for (int64_t r = 0; r < n; ++r)
      DecodeStoredRow(view, s.first_row + first + r, values.data() + r * s.cols);
    return values;
  }
  std::vector<float> stored(static_cast<size_t>(StoredCols(view)));
  if (!view.transposed) {  // element (r, c) of the source is (first_row + c, r) in the file
    for (int64_t c = 0; c < s.cols; ++c) {
      DecodeStoredRow(view, s.first_row + c, stored.data());
      for (int64_t r = 0; r < n; ++r)
        values[static_cast<size_t>(r * s.cols + c)] = stored[static_cast<size_t>(first + r)];
    }
    return values;
  }
  // A transposed view, wanted upright: element (r, c) is (c, first_column + row * column_step) in the file.
  for (int64_t c = 0; c < s.cols; ++c) {
    DecodeStoredRow(view, c, stored.data());
    for (int64_t r = 0; r < n; ++r)
      values[static_cast<size_t>(r * s.cols + c)] =
          stored[static_cast<size_t>(view.first_column + (s.first_row + first + r) * view.column_step)];
  }
  return values;
}

// Panels [first, first + n) of one part, `stride` apart.
void PackPart(const PanelPart& part, int64_t first, int64_t n, int64_t stride, std::byte* out) {
  const MatrixSource& s = part.source;
  if (AsStored(part)) {
    for (int64_t p = 0; p < n; ++p) PackStoredRows(part, first + p, out + p * stride);
    return;
  }
  if (const std::byte* panels = PanelsInPlace(s, part.dtype)) {
    for (int64_t p = 0; p < n; ++p)
      std::memcpy(out + p * stride, panels + (first + p) * s.view->panel_stride,
                  static_cast<size_t>(part.panel_bytes()));
    return;
  }
  const std::vector<float> values =
      DecodeSource(s, first * kPanelRows, std::min(n * kPanelRows, s.rows - first * kPanelRows));
  std::vector<std::byte> scratch;
  for (int64_t p = 0; p < n; ++p)
    PackFloatRows(part, values.data() + p * kPanelRows * s.cols, s.rows - (first + p) * kPanelRows, scratch,
                  out + p * stride);
}

}  // namespace

DType NativeType(const MatrixSource& source) {
  const DType stored = source.view->dtype;
  const kernels::PanelFormat* format = kernels::FindPanelFormat(stored);
  if (format == nullptr || source.cols % format->k_multiple != 0) return DType::kF32;
  if (source.view->panel_stride > 0) return PanelsInPlace(source, stored) ? stored : DType::kF32;
  const bool rearranged = OnItsSide(source);
  if (!rearranged || Info(stored).block_size == 1) {
    if (stored != DType::kF8E4M3 || !rearranged) return stored;
  }
  return DType::kF16;
}

const std::byte* PanelsInPlace(const MatrixSource& source, DType dtype) {
  const WeightView& view = *source.view;
  const bool whole_panels = source.first_row % kPanelRows == 0 && source.cols == view.cols &&
                            (source.rows % kPanelRows == 0 || source.first_row + source.rows == view.rows);
  if (view.panel_stride == 0 || dtype != view.dtype || source.transpose || !whole_panels) return nullptr;
  return view.data + source.first_row / kPanelRows * view.panel_stride;
}

int64_t PanelRun::stride() const {
  int64_t sum = 0;
  for (const PanelPart& part : parts) sum += part.panel_bytes();
  return sum;
}

int64_t PanelRun::panels_per_slice() const {
  const bool turned = std::ranges::any_of(parts, [](const PanelPart& p) { return OnItsSide(p.source); });
  return turned ? panels() : std::max<int64_t>(1, kSliceBytes / std::max<int64_t>(1, stride()));
}

void PanelRun::Pack(int64_t first, int64_t n, std::byte* out) const {
  const int64_t step = stride();
  for (const PanelPart& part : parts) {
    PackPart(part, first, n, step, out);
    out += part.panel_bytes();
  }
}

}  // namespace sluice::model
