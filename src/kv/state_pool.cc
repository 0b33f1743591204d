#include "kv/state_pool.h"

#include <fmt/format.h>

#include <limits>
#include <numeric>

namespace sluice::kv {

Result<StatePool> StatePool::Create(const std::vector<int64_t>& layer_floats, int64_t slots) {
  constexpr int64_t kLine = 16;  // floats of a cache line
  StatePool pool;
  if (layer_floats.empty()) return pool;
  for (const int64_t floats : layer_floats) {
    pool.offsets_.push_back(pool.slot_floats_);
    pool.slot_floats_ += RoundUp(floats, kLine);
  }
  int64_t bytes = 0;
  if (slots < 1 || slots > std::numeric_limits<int32_t>::max() ||
      __builtin_mul_overflow(pool.slot_bytes(), slots, &bytes))
    return Fail(ErrorCode::kUsage,
                fmt::format("{} states of {} bytes cannot be kept", slots, pool.slot_bytes()),
                "choose another KV cache (--kv-tokens)");
  SLUICE_TRY(pool.arena_, Arena::Reserve(bytes));
  pool.lengths_.resize(static_cast<size_t>(slots));
  pool.free_.resize(static_cast<size_t>(slots));
  std::iota(pool.free_.rbegin(), pool.free_.rend(), 0);  // the lowest slot is taken first
  return pool;
}

int32_t StatePool::Take() {
  const int32_t slot = free_.back();
  free_.pop_back();
  lengths_[slot] = 0;
  return slot;
}

void StatePool::Release(int32_t slot) { free_.push_back(slot); }

}  // namespace sluice::kv
