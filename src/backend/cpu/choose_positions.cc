#include "backend/cpu/choose_positions.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace sluice::backend::cpu {
namespace {

// Unsigned numbers in the order of floats; NaN comes first.
uint32_t Ordered(float x) {
  if (x != x) return 0;
  constexpr uint32_t kSign = 0x80000000u;
  const uint32_t bits = std::bit_cast<uint32_t>(x + 0.0f);  // + 0: one zero
  return bits & kSign ? ~bits : bits | kSign;
}

// Higher for higher scores and, among equals, for lower positions: never equal for two positions.
uint64_t Rank(float score, int64_t position) {
  return uint64_t{Ordered(score)} << 32 | static_cast<uint32_t>(~position);
}
int32_t PositionOf(uint64_t rank) { return static_cast<int32_t>(~static_cast<uint32_t>(rank)); }

}  // namespace

void ChoosePositions(const float* scores, int64_t n, int64_t count, uint64_t* scratch, int32_t* positions) {
  for (int64_t i = 0; i < n; ++i) scratch[i] = Rank(scores[i], i);
  std::nth_element(scratch, scratch + count - 1, scratch + n, std::greater<>());
  std::transform(scratch, scratch + count, positions, PositionOf);
  std::sort(positions, positions + count);
}

}  // namespace sluice::backend::cpu
