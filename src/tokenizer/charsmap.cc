#include "tokenizer/charsmap.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace sluice::tokenizer {
namespace {

constexpr size_t kLongestReplacement = 1024;
constexpr uint32_t kLeafBit = 1u << 31;

uint32_t Label(uint32_t unit) { return unit & (kLeafBit | 0xFF); }
bool HasLeaf(uint32_t unit) { return unit >> 8 & 1; }
uint32_t Offset(uint32_t unit) { return (unit >> 10) << ((unit & (1u << 9)) >> 6); }

}  // namespace

Result<Charsmap> Charsmap::Parse(std::string_view blob) {
  uint32_t trie_bytes = 0;
  if (blob.size() > sizeof(trie_bytes)) std::memcpy(&trie_bytes, blob.data(), sizeof(trie_bytes));
  if (trie_bytes == 0 || trie_bytes % 4 != 0 || trie_bytes >= blob.size() - sizeof(trie_bytes))
    return Fail(ErrorCode::kBadFile,
                fmt::format("normalisation rules of {} bytes say that their trie has {} bytes", blob.size(),
                            trie_bytes));
  Charsmap map;
  map.units_.resize(trie_bytes / 4);
  std::memcpy(map.units_.data(), blob.data() + sizeof(trie_bytes), trie_bytes);
  map.replacements_ = blob.substr(sizeof(trie_bytes) + trie_bytes);
  for (size_t start = 0; start < map.replacements_.size();) {
    const size_t end = std::min(map.replacements_.find('\0', start), map.replacements_.size());
    if (end - start > kLongestReplacement)
      return Fail(ErrorCode::kBadFile,
                  fmt::format("normalisation rules hold a replacement of {} bytes, the limit is {}",
                              end - start, kLongestReplacement));
    start = end + 1;
  }
  return map;
}

template <typename Visit>
void Charsmap::Walk(std::string_view text, Visit visit) const {
  uint32_t node = Offset(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    node ^= byte;
    if (node >= units_.size() || Label(units_[node]) != byte) return;
    const uint32_t unit = units_[node];
    node ^= Offset(unit);
    if (node >= units_.size()) return;
    if (HasLeaf(unit) && !visit(i + 1, units_[node] & ~kLeafBit)) return;
  }
}

Charsmap::Rule Charsmap::At(size_t length, uint32_t offset) const {
  if (offset >= replacements_.size()) return {length, {}};
  const size_t end = replacements_.find('\0', offset);
  return {length,
          std::string_view(replacements_).substr(offset, end == std::string::npos ? end : end - offset)};
}

std::optional<Charsmap::Rule> Charsmap::Longest(std::string_view text) const {
  std::optional<Rule> rule;
  Walk(text, [&](size_t length, uint32_t offset) {
    rule = At(length, offset);
    return true;
  });
  return rule;
}

std::optional<Charsmap::Rule> Charsmap::Shortest(std::string_view text) const {
  std::optional<Rule> rule;
  if (!text.empty() && text[0] == '\0') return rule;
  Walk(text, [&](size_t length, uint32_t offset) {
    rule = At(length, offset);
    return false;
  });
  return rule;
}

}  // namespace sluice::tokenizer
