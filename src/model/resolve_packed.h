#pragma once

#include "base/result.h"
#include "formats/checkpoint.h"
#include "model/desc.h"
#include "model/weight_map.h"

namespace sluice::model {

// The weights of a packed file, as views of its panels. Accounts for every tensor.
Result<WeightMap> ResolvePacked(const formats::Checkpoint& checkpoint, const Desc& desc);

}  // namespace sluice::model
