#include "tokenizer/byte_trie.h"

namespace sluice::tokenizer {

void ByteTrie::Insert(std::string_view key, int32_t value) {
  if (key.empty()) return;
  uint32_t node = kRoot;
  for (const char c : key) {
    const auto byte = static_cast<uint8_t>(c);
    uint32_t child = Step(node, byte);
    if (child == kRoot) {
      child = static_cast<uint32_t>(values_.size());
      values_.push_back(kNoValue);
      AddEdge(node, byte, child);
    }
    node = child;
  }
  values_[node] = value;
}

void ByteTrie::AddEdge(uint32_t node, uint8_t byte, uint32_t child) {
  if (node == kRoot) {
    first_[byte] = child;
    return;
  }
  if (++edges_ * 2 > slots_.size()) Grow();
  const uint64_t key = static_cast<uint64_t>(node) << 8 | byte;
  size_t slot = Slot(key);
  while (slots_[slot].node != kRoot) slot = (slot + 1) & (slots_.size() - 1);
  slots_[slot] = {key, child};
}

void ByteTrie::Grow() {
  std::vector<Edge> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Edge& edge : old) {
    if (edge.node == kRoot) continue;
    size_t slot = Slot(edge.key);
    while (slots_[slot].node != kRoot) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = edge;
  }
}

ByteTrie::Found ByteTrie::Longest(std::string_view text, size_t position) const {
  Found found;
  uint32_t node = kRoot;
  for (size_t i = position; i < text.size(); ++i) {
    node = Step(node, static_cast<uint8_t>(text[i]));
    if (node == kRoot) break;
    if (values_[node] != kNoValue) found = {i + 1 - position, values_[node]};
  }
  return found;
}

}  // namespace sluice::tokenizer
