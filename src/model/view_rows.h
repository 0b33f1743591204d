// Rows of a WeightView, as they stand in the file or as floats.
#pragma once

#include <cstdint>
#include <vector>

#include "model/weight_map.h"

namespace sluice::model {

// How many floats a stored row holds: the view's columns, or for a transposed one as many as its columns
// reach.
int64_t StoredCols(const WeightView& view);

// Stored row r as whole blocks of view.dtype; MXFP4 with scales apart is joined in `scratch`.
const std::byte* StoredRow(const WeightView& view, int64_t r, std::vector<std::byte>& scratch);

// Stored row r as floats, block scales applied. `out` has StoredCols elements.
void DecodeStoredRow(const WeightView& view, int64_t r, float* out);

// Elements (r, 0) ... (r, cols - 1), whichever way they are stored. `out` has view.cols elements.
void DecodeViewRow(const WeightView& view, int64_t r, float* out);

}  // namespace sluice::model
