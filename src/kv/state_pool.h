// States of linear attention: what a sequence keeps of all its tokens, a slot for each sequence.
#pragma once

#include <cstdint>
#include <vector>

#include "base/arena.h"
#include "base/result.h"

namespace sluice::kv {

// Not thread-safe: the engine's thread takes and releases slots, workers only read the addresses.
class StatePool {
 public:
  static constexpr int32_t kNone = -1;

  // `layer_floats`: the floats of each layer that keeps a state. Without layers there are no slots.
  static Result<StatePool> Create(const std::vector<int64_t>& layer_floats, int64_t slots);

  bool empty() const { return lengths_.empty(); }
  int64_t slots() const { return static_cast<int64_t>(lengths_.size()); }
  int64_t free_slots() const { return static_cast<int64_t>(free_.size()); }
  int64_t slot_bytes() const { return slot_floats_ * static_cast<int64_t>(sizeof(float)); }

  // There must be a free slot. It holds no tokens, and any bytes: who computes a sequence's first token
  // starts from zeros.
  int32_t Take();
  void Release(int32_t slot);

  float* At(int32_t slot, int layer) const {
    return reinterpret_cast<float*>(arena_.data()) + slot * slot_floats_ + offsets_[layer];
  }
  // How many tokens a slot's state has seen. A state knows no way back.
  int64_t length(int32_t slot) const { return lengths_[slot]; }
  void SetLength(int32_t slot, int64_t length) { lengths_[slot] = length; }

 private:
  std::vector<int64_t> offsets_;  // of each layer in a slot, in floats
  int64_t slot_floats_ = 0;
  std::vector<int64_t> lengths_;  // [slots]
  std::vector<int32_t> free_;
  Arena arena_;
};

}  // namespace sluice::kv
