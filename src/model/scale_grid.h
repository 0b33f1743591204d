// FP8 weights with one scale for each block of 128 x 128; blocks at the right and lower edge are short.
#pragma once

#include "base/result.h"
#include "formats/checkpoint.h"
#include "model/weight_map.h"

namespace sluice::model {

// Points `view` at the scales in the file, or, where they are not aligned floats, at a widened copy that
// `map` owns.
Status AttachScaleGrid(const formats::Checkpoint& checkpoint, const formats::Tensor& scales, WeightView* view,
                       WeightMap* map);

}  // namespace sluice::model
