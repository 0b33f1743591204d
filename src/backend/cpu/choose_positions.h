// Which positions sparse attention sees.
#pragma once

#include <cstdint>

namespace sluice::backend::cpu {

// The `count` positions of [0, n) with the highest scores, by rising position; where scores tie the lower
// positions win, and NaN is the lowest score of all. 0 < count <= n; `scratch` holds n numbers.
void ChoosePositions(const float* scores, int64_t n, int64_t count, uint64_t* scratch, int32_t* positions);

}  // namespace sluice::backend::cpu
