// How a matrix of a file becomes panels (kernels/panel.h): as it is where the type has a panel form, encoded
// anew where another type is wanted.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/panel.h"
#include "model/weight_map.h"

namespace sluice::model {

// Part of a view: the rows [first_row, first_row + n), as they are or transposed.
struct MatrixSource {
  const WeightView* view = nullptr;
  int64_t first_row = 0;
  int64_t rows = 0, cols = 0;  // of the matrix wanted: transposed, element (r, c) is view(first_row + c, r)
  bool transpose = false;

  static MatrixSource Whole(const WeightView& view) { return {&view, 0, view.rows, view.cols, false}; }
};

// The file's own type where it has a panel form, else F32. A transposed matrix loses its blocks: F16 keeps
// what 8 bits or fewer can say.
DType NativeType(const MatrixSource& source);

// Panel 0 of a source that stands in the file as panels already, in the type wanted; else null.
const std::byte* PanelsInPlace(const MatrixSource& source, DType dtype);

constexpr int64_t PanelsOf(int64_t rows) { return (rows + kernels::kPanelRows - 1) / kernels::kPanelRows; }

struct PanelPart {
  MatrixSource source;
  DType dtype = DType::kF32;
  const float* importance = nullptr;  // [cols] weights of the squared error where values are encoded anew

  int64_t panel_bytes() const { return kernels::PanelBytes(dtype, source.cols); }
};

// Contiguous panels of one matrix, or of two whose panels take turns (gate and up).
struct PanelRun {
  std::vector<PanelPart> parts;  // of equally many rows

  int64_t panels() const { return PanelsOf(parts.front().source.rows); }
  int64_t stride() const;  // bytes from a panel to the next of the same matrix
  int64_t bytes() const { return panels() * stride(); }
  // How many panels to pack at once: about a megabyte, or all where whole rows of the file have to be turned.
  int64_t panels_per_slice() const;
  // Panels [first, first + n) of every part, the first at `out`. 64-byte aligned.
  void Pack(int64_t first, int64_t n, std::byte* out) const;
};

}  // namespace sluice::model
