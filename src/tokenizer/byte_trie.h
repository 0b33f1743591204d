// A map from strings to numbers that finds every key at the start of a text.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::tokenizer {

class ByteTrie {
 public:
  static constexpr uint32_t kRoot = 0;
  static constexpr int32_t kNoValue = -1;

  // A later value replaces an earlier one. Values are >= 0; an empty key is ignored.
  void Insert(std::string_view key, int32_t value);

  // The node below `node` by `byte`; kRoot: there is none.
  uint32_t Step(uint32_t node, uint8_t byte) const {
    if (node == kRoot) return first_[byte];
    const uint64_t key = static_cast<uint64_t>(node) << 8 | byte;
    for (size_t slot = Slot(key);; slot = (slot + 1) & (slots_.size() - 1)) {
      if (slots_[slot].node == kRoot) return kRoot;
      if (slots_[slot].key == key) return slots_[slot].node;
    }
  }
  int32_t Value(uint32_t node) const { return values_[node]; }
  bool empty() const { return values_.size() == 1; }

  struct Found {
    size_t length = 0;  // 0: no key
    int32_t value = kNoValue;
  };
  Found Longest(std::string_view text, size_t position) const;

 private:
  struct Edge {
    uint64_t key = 0;
    uint32_t node = kRoot;
  };
  size_t Slot(uint64_t key) const { return key * 0x9E3779B97F4A7C15 >> 20 & (slots_.size() - 1); }
  void AddEdge(uint32_t node, uint8_t byte, uint32_t child);
  void Grow();

  std::array<uint32_t, 256> first_{};
  std::vector<int32_t> values_{kNoValue};
  std::vector<Edge> slots_ = std::vector<Edge>(64);
  size_t edges_ = 0;
};

}  // namespace sluice::tokenizer
