// The codebooks as the vector tiers look them up.
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace sluice::kernels {

// A grid as words of sixteen bits, aligned to 64 bytes, with two bytes more behind the last. The codes are
// level numbers: of types with groups of eight, nibble j is code[j] | code[4 + j] << 2, of types with groups
// of four it is code[j]. Nibbles lie in the order 0, 2, 1, 3. nullptr: the type has no grid.
const uint16_t* GridWords(DType dtype);

}  // namespace sluice::kernels
