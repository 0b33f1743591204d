// Blocks of any type with random codes and a given size of values.
#pragma once

#include <cstddef>
#include <vector>

#include "base/dtype.h"
#include "convert/random.h"

namespace sluice::convert {

// `elements` (whole blocks) with root mean square `rms`: normally distributed where the type can be encoded,
// uniform codes elsewhere. `dtype` is a float or block type.
std::vector<std::byte> RandomBlocks(DType dtype, int64_t elements, float rms, Random& random);

}  // namespace sluice::convert
