#include "tokenizer/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "formats/file_error.h"

namespace sluice::tokenizer {

uint64_t HashBytes(std::string_view bytes) {
  constexpr uint64_t kFactor = 0x9E3779B97F4A7C15;
  uint64_t hash = bytes.size() * kFactor;
  const auto mix = [&](uint64_t word) {
    hash = (hash ^ word) * kFactor;
    hash ^= hash >> 32;
  };
  while (bytes.size() >= 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    mix(word);
    bytes.remove_prefix(8);
  }
  uint64_t word = 0;
  if (!bytes.empty()) std::memcpy(&word, bytes.data(), bytes.size());
  mix(word);
  return hash;
}

void Vocabulary::Reserve(size_t tokens, size_t bytes) {
  entries_.reserve(tokens);
  by_id_.reserve(tokens);
  arena_.reserve(bytes);
}

void Vocabulary::Grow() {
  slots_.assign(std::max<size_t>(64, slots_.size() * 2), 0);
  for (uint32_t i = 0; i < entries_.size(); ++i) {
    size_t slot = HashBytes(Text(entries_[i])) & (slots_.size() - 1);
    while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = i + 1;
  }
}

Status Vocabulary::Add(std::string_view spelling, int64_t id) {
  if (id < 0 || static_cast<uint64_t>(id) >= id_limit_)
    return Fail(ErrorCode::kBadFile, fmt::format("token \"{}\" has the id {}, which is not in 0..{}",
                                                 formats::Printable(spelling), id, id_limit_ - 1));
  if ((entries_.size() + 1) * 2 > slots_.size()) Grow();
  size_t slot = HashBytes(spelling) & (slots_.size() - 1);
  for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
    const Entry& entry = entries_[slots_[slot] - 1];
    if (Text(entry) == spelling)
      return Fail(ErrorCode::kBadFile,
                  fmt::format("token \"{}\" stands twice in the vocabulary, as {} and {}",
                              formats::Printable(spelling), entry.id, id));
  }
  entries_.push_back({arena_.size(), static_cast<uint32_t>(spelling.size()), static_cast<TokenId>(id)});
  arena_ += spelling;
  longest_ = std::max(longest_, spelling.size());
  slots_[slot] = static_cast<uint32_t>(entries_.size());
  if (static_cast<size_t>(id) >= by_id_.size()) by_id_.resize(static_cast<size_t>(id) + 1, 0);
  if (by_id_[static_cast<size_t>(id)] == 0)
    by_id_[static_cast<size_t>(id)] = static_cast<uint32_t>(entries_.size());
  return {};
}

TokenId Vocabulary::Find(std::string_view spelling) const {
  if (slots_.empty()) return kNoToken;
  for (size_t slot = HashBytes(spelling) & (slots_.size() - 1); slots_[slot] != 0;
       slot = (slot + 1) & (slots_.size() - 1)) {
    const Entry& entry = entries_[slots_[slot] - 1];
    if (Text(entry) == spelling) return entry.id;
  }
  return kNoToken;
}

std::string_view Vocabulary::Spelling(TokenId id) const {
  return Has(id) ? Text(entries_[by_id_[static_cast<size_t>(id)] - 1]) : std::string_view();
}

}  // namespace sluice::tokenizer
