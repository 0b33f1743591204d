// Weights in the form they are computed on: panels of sixteen rows (kernels/panel.h) in one arena.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "base/thread_team.h"
#include "kernels/panel.h"
#include "model/weight_map.h"

namespace sluice::model {

// A matrix [rows, cols]; y = W x. Rows are padded to whole panels with zeros.
struct PackedMatrix {
  DType dtype = DType::kF32;
  int64_t rows = 0, cols = 0;
  kernels::ActType activations = kernels::ActType::kF32;  // what a product with it reads
  const std::byte* data = nullptr;
  int64_t panel_stride = 0;  // bytes from panel to panel; more than a panel where gate and up are interleaved

  int64_t panels() const { return (rows + kernels::kPanelRows - 1) / kernels::kPanelRows; }
  const std::byte* Panel(int64_t p) const { return data + p * panel_stride; }
  int64_t bytes() const {
    return panels() * kernels::PanelBytes(dtype, cols);
  }  // of weights, padding included
  explicit operator bool() const { return rows > 0; }
};

// Part of a view: the rows [first_row, first_row + n), as they are or transposed.
struct MatrixSource {
  const WeightView* view = nullptr;
  int64_t first_row = 0;
  int64_t rows = 0, cols = 0;  // of the matrix wanted: transposed, element (r, c) is view(first_row + c, r)
  bool transpose = false;

  static MatrixSource Whole(const WeightView& view) { return {&view, 0, view.rows, view.cols, false}; }
};

enum class Precision : uint8_t {
  kNative,  // the file's own type where it has a panel form, else F32
  kF32,     // decoded to F32
};

using ProgressFn = std::function<void(int64_t done_bytes, int64_t total_bytes)>;

// Collects the matrices of a model, then packs all of them into one arena with every thread. The destinations
// must stay where they are until Pack returns.
class Packer {
 public:
  void Matrix(const MatrixSource& source, Precision precision, PackedMatrix* out);
  // Gate and up of one expert, panel by panel, then down; the three contiguous and aligned to 4 KiB. `gate`
  // may be null.
  void Expert(const MatrixSource* gate, const MatrixSource& up, const MatrixSource& down, Precision precision,
              PackedMatrix* gate_out, PackedMatrix* up_out, PackedMatrix* down_out);
  // A vector (norm weights, biases) as floats, `add` added to each.
  void Vector(const WeightView& view, const float** out, float add = 0);

  Result<Arena> Pack(ThreadTeam& team, const ProgressFn& progress);

 private:
  struct MatrixJob {
    MatrixSource source;
    PackedMatrix* out;
    int64_t at;  // offset in the arena of panel 0
  };
  struct VectorJob {
    const WeightView* view;
    const float** out;
    int64_t at;
    float add;
  };
  struct Slice {  // a unit of parallel work: some panels of a matrix
    const MatrixJob* job;
    int64_t first_panel, panels;
  };
  void Shape(const MatrixSource& source, Precision precision, PackedMatrix* out) const;
  int64_t Place(int64_t bytes, int64_t alignment);
  std::vector<Slice> Slices() const;

  std::vector<MatrixJob> matrices_;
  std::vector<VectorJob> vectors_;
  int64_t size_ = 0;
};

}  // namespace sluice::model
