// Byte-pair encoding: neighbouring symbols are joined in the order of the merges' ranks.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace sluice::tokenizer {

// (left, right) -> (rank, joined). Lower ranks first; equal ranks from left to right.
class MergeTable {
 public:
  struct Merge {
    uint32_t rank;
    int32_t joined;
  };
  void Reserve(size_t merges);
  void Set(int32_t left, int32_t right, Merge merge);  // a later one replaces an earlier one
  // Negative symbols merge with nothing.
  const Merge* Find(int32_t left, int32_t right) const {
    if (slots_.empty() || (left | right) < 0) return nullptr;
    const uint64_t key = Key(left, right);
    for (size_t slot = Slot(key);; slot = (slot + 1) & (slots_.size() - 1)) {
      if (slots_[slot].key == key) return &slots_[slot].merge;
      if (slots_[slot].key == kFree) return nullptr;
    }
  }

  // To be called once all merges are set: notes where in a text no merge can ever happen.
  void FindJoints();
  // Whether a merge may join a text that ends with the symbol `left` to one that starts with `right`.
  bool CanJoin(int32_t left, int32_t right) const {
    return joints_.empty() || joints_.contains(Key(left, right));
  }

 private:
  static constexpr uint64_t kFree = ~0ull;
  struct Entry {
    uint64_t key = kFree;
    Merge merge{};
  };
  static uint64_t Key(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  size_t Slot(uint64_t key) const {
    const uint64_t hash = (key ^ key >> 32) * 0x9E3779B97F4A7C15;
    return hash >> 20 & (slots_.size() - 1);
  }
  void Resize(size_t slots);

  std::vector<Entry> slots_;
  size_t used_ = 0;
  std::unordered_set<uint64_t> joints_;
};

// A symbol of the text that is being merged.
struct BpeSymbol {
  int32_t id;           // -1: nothing merges with it
  uint32_t begin, end;  // bytes of the text
  // The merge with the next symbol; kNoRank: there is none.
  uint32_t rank;
  int32_t joined;
  // Neighbours while a long text is merged, -1 at the ends.
  int32_t previous, next;
};

struct BpeScratch {
  std::vector<BpeSymbol> symbols;
  std::vector<BpeSymbol> part, merged;  // of MergeAll
  std::vector<uint64_t> queue;
  // If set: the latest halves of every symbol that `watched` marks, from the moment the pair was seen.
  const std::vector<bool>* watched = nullptr;
  std::unordered_map<int32_t, std::pair<int32_t, int32_t>> halves;
};

// Merges scratch.symbols (id, begin, end given) as far as possible. n symbols take O(n log n).
void MergeAll(const MergeTable& merges, BpeScratch& scratch);

}  // namespace sluice::tokenizer
