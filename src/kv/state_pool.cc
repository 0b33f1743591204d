#include "kv/state_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

namespace sluice::kv {
namespace {

constexpr int64_t kLine = 16;  // floats of a cache line

}  // namespace

Result<StatePool> StatePool::Create(const std::vector<int64_t>& layer_floats, int64_t sequences,
                                    int64_t snapshots) {
  StatePool pool;
  if (layer_floats.empty()) return pool;
  for (const int64_t floats : layer_floats) {
    pool.offsets_.push_back(pool.slot_floats_);
    pool.slot_floats_ += RoundUp(floats, kLine);
  }
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max() / 2;
  int64_t bytes = 0;
  if (sequences < 1 || sequences > kMost || snapshots < 0 || snapshots > kMost ||
      __builtin_mul_overflow(pool.slot_bytes(), sequences + snapshots, &bytes))
    return Fail(ErrorCode::kUsage,
                fmt::format("{} states and {} snapshots of {} bytes cannot be kept", sequences, snapshots,
                            pool.slot_bytes()),
                "choose another KV cache (--kv-tokens), or fewer snapshots (--state-snapshots)");
  const int64_t slots = sequences + snapshots;
  pool.most_snapshots_ = snapshots;
  SLUICE_TRY(pool.arena_, Arena::Reserve(bytes));
  pool.lengths_.resize(static_cast<size_t>(slots));
  pool.free_.resize(static_cast<size_t>(slots));
  std::iota(pool.free_.rbegin(), pool.free_.rend(), 0);  // the lowest slot is taken first
  return pool;
}

int64_t StatePool::SlotBytes(const std::vector<int64_t>& layer_floats) {
  int64_t floats = 0;
  for (const int64_t layer : layer_floats) floats += RoundUp(layer, kLine);
  return floats * static_cast<int64_t>(sizeof(float));
}

int64_t StatePool::UsualSnapshots(int64_t kv_bytes, int64_t slot_bytes) {
  constexpr int64_t kFewest = 8;
  return slot_bytes == 0 ? 0 : std::max(kFewest, kv_bytes / slot_bytes);
}

int32_t StatePool::Take() {
  const int32_t slot = free_.back();
  free_.pop_back();
  lengths_[slot] = 0;
  ++used_;
  return slot;
}

void StatePool::Release(int32_t slot) {
  free_.push_back(slot);
  --used_;
}

void StatePool::Copy(int32_t from, int32_t to) {
  if (offsets_.empty()) return;
  std::memcpy(At(to, 0), At(from, 0), static_cast<size_t>(slot_bytes()));
  lengths_[to] = lengths_[from];
}

int32_t StatePool::TakeForSnapshot() {
  if (to_come_ == most_snapshots_) return kNone;
  if (to_come_ + snapshots() == most_snapshots_)
    Forget(
        std::ranges::min_element(kept_, {}, [](const auto& entry) { return entry.second.last_use; })->first);
  ++to_come_;
  const int32_t slot = free_.back();
  free_.pop_back();
  return slot;
}

void StatePool::ReleaseUnkept(int32_t slot) {
  --to_come_;
  free_.push_back(slot);
}

bool StatePool::Keep(PrefixIndex::Text text, int32_t slot) {
  const bool is_new = kept_.try_emplace(text, Snapshot{slot, ++uses_, false}).second;
  --to_come_;
  if (!is_new) free_.push_back(slot);
  return is_new;
}

int32_t StatePool::Use(PrefixIndex::Text text) {
  Snapshot& snapshot = kept_.at(text);
  snapshot.last_use = ++uses_;
  snapshot.used = true;
  return snapshot.slot;
}

void StatePool::Forget(PrefixIndex::Text text) {
  const auto it = kept_.find(text);
  if (it == kept_.end()) return;
  free_.push_back(it->second.slot);
  kept_.erase(it);
}

bool StatePool::WasUsed(PrefixIndex::Text text) const {
  const auto it = kept_.find(text);
  return it != kept_.end() && it->second.used;
}

}  // namespace sluice::kv
