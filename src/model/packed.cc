#include "model/packed.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernels/blocks.h"
#include "model/view_rows.h"

namespace sluice::model {
namespace {

using kernels::kPanelRows;

constexpr int64_t kExpertAlignment = 4096;
constexpr int64_t kSliceBytes = 1 << 20;  // of packed output per unit of parallel work

bool NativeForm(const MatrixSource& source, Precision precision) {
  const kernels::PanelFormat* format = kernels::FindPanelFormat(source.view->dtype);
  return precision == Precision::kNative && format != nullptr && source.cols % format->k_multiple == 0;
}

// The type a matrix is packed in. A transposed matrix loses its blocks: F16 keeps what 8 bits or fewer can
// say.
DType TargetType(const MatrixSource& source, Precision precision) {
  if (!NativeForm(source, precision)) return DType::kF32;
  const DType stored = source.view->dtype;
  const bool rearranged = source.transpose || source.view->transposed;
  if (!rearranged || Info(stored).block_size == 1) {
    if (stored != DType::kF8E4M3 || !rearranged) return stored;
  }
  return DType::kF16;
}

// MXFP4 with its scales apart is a published checkpoint, made for activations of 16 bits; blocks of a GGUF
// take the 8 bits of their kind.
kernels::ActType ActivationsOf(const MatrixSource& source, DType packed) {
  const bool published = packed == DType::kMXFP4 && source.view->split_scale != nullptr;
  return published ? kernels::ActType::kQ8x32Twice : kernels::FindPanelFormat(packed)->activations;
}

// Packs panels of a matrix whose rows stand in the file as they are.
void PackStoredRows(const MatrixSource& s, DType dtype, int64_t panel, std::byte* out) {
  kernels::PanelRows rows;
  std::vector<std::byte> joined[kPanelRows];
  for (int64_t i = 0; i < kPanelRows && panel * kPanelRows + i < s.rows; ++i) {
    const int64_t r = s.first_row + panel * kPanelRows + i;
    rows.row[i] = StoredRow(*s.view, r, joined[i]);
    if (s.view->block_scale != nullptr) rows.scale[i] = s.view->block_scale + r / 128 * s.view->scale_stride;
  }
  kernels::PackPanel(dtype, rows, s.cols, out);
}

// Packs rows of floats (row stride `cols`) in a plain type.
void PackFloatRows(const float* values, int64_t rows_left, int64_t cols, DType dtype,
                   std::vector<std::byte>& scratch, std::byte* out) {
  const int64_t row_bytes = *RowBytes(dtype, cols);
  scratch.resize(static_cast<size_t>(row_bytes * kPanelRows));
  kernels::PanelRows rows;
  for (int64_t i = 0; i < std::min<int64_t>(kPanelRows, rows_left); ++i) {
    std::byte* row = scratch.data() + i * row_bytes;
    if (dtype == DType::kF32) {
      std::memcpy(row, values + i * cols, static_cast<size_t>(row_bytes));
    } else {
      kernels::EncodeRow(dtype, values + i * cols, cols, row);
    }
    rows.row[i] = row;
  }
  kernels::PackPanel(dtype, rows, cols, out);
}

// Rows [first, first + n) of the source as floats, [n][cols]. Where the matrix stands on its side in the
// file, whole stored rows are decoded and spread: n should then be all rows.
std::vector<float> DecodeSource(const MatrixSource& s, int64_t first, int64_t n) {
  const WeightView& view = *s.view;
  std::vector<float> values(static_cast<size_t>(n * s.cols));
  if (!s.transpose && !view.transposed) {
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

bool OnItsSide(const MatrixSource& s) { return s.transpose || s.view->transposed; }

}  // namespace

int64_t Packer::Place(int64_t bytes, int64_t alignment) {
  const int64_t at = RoundUp(size_, alignment);
  size_ = at + bytes;
  return at;
}

void Packer::Shape(const MatrixSource& source, Precision precision, PackedMatrix* out) const {
  out->dtype = TargetType(source, precision);
  out->rows = source.rows;
  out->cols = source.cols;
  out->activations = ActivationsOf(source, out->dtype);
  out->panel_stride = kernels::PanelBytes(out->dtype, source.cols);
}

void Packer::Matrix(const MatrixSource& source, Precision precision, PackedMatrix* out) {
  Shape(source, precision, out);
  matrices_.push_back({source, out, Place(out->bytes(), 64)});
}

void Packer::Expert(const MatrixSource* gate, const MatrixSource& up, const MatrixSource& down,
                    Precision precision, PackedMatrix* gate_out, PackedMatrix* up_out,
                    PackedMatrix* down_out) {
  Shape(up, precision, up_out);
  Shape(down, precision, down_out);
  const int64_t up_panel = up_out->panel_stride;
  int64_t gate_panel = 0;
  if (gate != nullptr) {
    Shape(*gate, precision, gate_out);
    gate_panel = gate_out->panel_stride;
    gate_out->panel_stride = up_out->panel_stride = gate_panel + up_panel;
  }
  const int64_t at = Place(up_out->panels() * (gate_panel + up_panel), kExpertAlignment);
  if (gate != nullptr) matrices_.push_back({*gate, gate_out, at});
  matrices_.push_back({up, up_out, at + gate_panel});
  matrices_.push_back({down, down_out, Place(down_out->bytes(), 64)});
}

void Packer::Vector(const WeightView& view, const float** out, float add) {
  vectors_.push_back({&view, out, Place(view.rows * view.cols * 4, 64), add});
}

std::vector<Packer::Slice> Packer::Slices() const {
  std::vector<Slice> slices;
  for (const MatrixJob& job : matrices_) {
    const int64_t panels = job.out->panels();
    // Transposing decodes whole rows of the file: cheapest for the whole matrix at once.
    const int64_t per_slice = kSliceBytes / std::max<int64_t>(1, job.out->panel_stride);
    const int64_t step = OnItsSide(job.source) ? panels : std::max<int64_t>(1, per_slice);
    for (int64_t p = 0; p < panels; p += step) slices.push_back({&job, p, std::min(step, panels - p)});
  }
  return slices;
}

Result<Arena> Packer::Pack(ThreadTeam& team, const ProgressFn& progress) {
  SLUICE_TRY(Arena arena, Arena::Reserve(size_));
  for (const VectorJob& job : vectors_) {
    float* out = reinterpret_cast<float*>(arena.data() + job.at);
    for (int64_t r = 0; r < job.view->rows; ++r) DecodeViewRow(*job.view, r, out + r * job.view->cols);
    for (int64_t i = 0; i < job.view->rows * job.view->cols; ++i) out[i] += job.add;
    *job.out = out;
  }
  for (MatrixJob& job : matrices_) job.out->data = arena.data() + job.at;

  const std::vector<Slice> slices = Slices();
  std::atomic<size_t> next{0};
  std::atomic<int64_t> done{0};
  auto work = [&](int worker) {
    std::vector<std::byte> scratch;
    for (size_t i = next++; i < slices.size(); i = next++) {
      const auto& [job, first, n] = slices[i];
      const MatrixSource& s = job->source;
      std::byte* out = const_cast<std::byte*>(job->out->data);
      const bool as_stored = job->out->dtype == s.view->dtype && !OnItsSide(s);
      std::vector<float> values;
      if (!as_stored)
        values = DecodeSource(s, first * kPanelRows, std::min(n * kPanelRows, s.rows - first * kPanelRows));
      for (int64_t p = first; p < first + n; ++p) {
        std::byte* panel = out + p * job->out->panel_stride;
        if (as_stored) {
          PackStoredRows(s, job->out->dtype, p, panel);
        } else {
          PackFloatRows(values.data() + (p - first) * kPanelRows * s.cols, s.rows - p * kPanelRows, s.cols,
                        job->out->dtype, scratch, panel);
        }
      }
      done += n * kernels::PanelBytes(job->out->dtype, s.cols);
      if (worker == 0 && progress) progress(done, size_);
    }
  };
  team.Run(work);
  if (progress) progress(size_, size_);
  return arena;
}

}  // namespace sluice::model
