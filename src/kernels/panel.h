// Packed weights. A matrix [outputs, k] is cut into panels of 16 outputs; a panel holds its 16 rows
// interleaved, so that one 512-bit register carries sixteen outputs times four consecutive k, an activation
// quad is broadcast, and no sum ever crosses lanes. Panels hold a block type's own bits, rearranged: nothing
// is lost or rounded.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"
#include "kernels/activation_row.h"

namespace sluice::kernels {

inline constexpr int kPanelRows = 16;

// Raised whenever the bytes of a panel of any type change: packed files hold them. The same on every
// instruction set.
inline constexpr int kPanelLayout = 2;

struct PanelFormat {
  DType dtype;
  ActType activations;  // what a product with this type reads
  int k_multiple;       // k must be a multiple of this
};

// nullptr: this type has no panel form (decode to F32 or BF16 first).
const PanelFormat* FindPanelFormat(DType dtype);

// Bytes of one panel of 16 rows of length k; a multiple of 64.
int64_t PanelBytes(DType dtype, int64_t k);

// Sixteen rows as they stand in a file. A null row is padding and computes as zeros.
struct PanelRows {
  const std::byte* row[kPanelRows] = {};
  // F8E4M3 only: float scale of row r for k in [128 b, 128 b + 128) is scale[r][b * scale_stride]; null = 1.
  const float* scale[kPanelRows] = {};
  int64_t scale_stride = 1;
};

// Interleaves. `out` has PanelBytes and is 64-byte aligned.
void PackPanel(DType dtype, const PanelRows& rows, int64_t k, std::byte* out);

// One row of a panel, decoded to float exactly as the block type's definition says. For embeddings, tests,
// export.
void DecodePanelRow(DType dtype, const std::byte* panel, int64_t k, int row, float* out);

}  // namespace sluice::kernels
