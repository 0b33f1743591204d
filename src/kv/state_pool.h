// States of linear attention: what a sequence keeps of all its tokens, a slot for each sequence; and copies
// of such states, kept where texts end for those who go on from there.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "kv/prefix_index.h"

namespace sluice::kv {

// Not thread-safe: the engine's thread takes and releases slots, workers only read the addresses.
class StatePool {
 public:
  static constexpr int32_t kNone = -1;

  // `layer_floats`: the floats of each layer that keeps a state. Without layers there are no slots. There are
  // as many more slots as there may be `snapshots`, so that these keep no sequence waiting.
  static Result<StatePool> Create(const std::vector<int64_t>& layer_floats, int64_t sequences,
                                  int64_t snapshots = 0);
  static int64_t SlotBytes(const std::vector<int64_t>& layer_floats);
  // How many snapshots are worth their memory beside keys and values of `kv_bytes`: as much again, but at
  // least some.
  static int64_t UsualSnapshots(int64_t kv_bytes, int64_t slot_bytes);

  bool empty() const { return lengths_.empty(); }
  int64_t slots() const { return static_cast<int64_t>(lengths_.size()); }  // snapshots' included
  int64_t sequences() const { return slots() - most_snapshots_; }          // that can have one
  int64_t free_slots() const { return sequences() - used_; }               // that Take can take
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
  void Copy(int32_t from, int32_t to);

  int64_t free_for_snapshots() const { return most_snapshots_ - to_come_; }  // that TakeForSnapshot can take
  // A slot for a snapshot; where none is left, that of the one that was longest unused. kNone if all are
  // still to be kept.
  int32_t TakeForSnapshot();
  void ReleaseUnkept(int32_t slot);
  // The slot holds the state behind `text`; it becomes free if there is such a snapshot already.
  bool Keep(PrefixIndex::Text text, int32_t slot);  // false: there is
  bool Keeps(PrefixIndex::Text text) const { return kept_.contains(text); }
  int32_t Use(PrefixIndex::Text text);  // its slot
  void Forget(PrefixIndex::Text text);  // if there is such a snapshot
  bool WasUsed(PrefixIndex::Text text) const;

  int64_t snapshots() const { return static_cast<int64_t>(kept_.size()); }
  int64_t most_snapshots() const { return most_snapshots_; }

 private:
  struct Snapshot {
    int32_t slot;
    uint64_t last_use;
    bool used;
  };
  std::vector<int64_t> offsets_;  // of each layer in a slot, in floats
  int64_t slot_floats_ = 0;
  int64_t used_ = 0;            // slots, by sequences
  int64_t most_snapshots_ = 0;  // kept, and those to come
  int64_t to_come_ = 0;
  uint64_t uses_ = 0;
  std::vector<int64_t> lengths_;  // [slots]
  std::vector<int32_t> free_;
  std::unordered_map<PrefixIndex::Text, Snapshot> kept_;
  Arena arena_;
};

}  // namespace sluice::kv
