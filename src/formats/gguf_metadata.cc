#include <fmt/format.h>

#include <limits>

#include "formats/file_error.h"
#include "formats/gguf.h"

namespace sluice::formats {
namespace {

constexpr uint64_t kMaxSigned = std::numeric_limits<int64_t>::max();

}  // namespace

Status GgufMetadata::Add(Entry entry) {
  const auto [it, inserted] = by_key_.emplace(entry.key, entries_.size());
  if (!inserted)
    return Fail(ErrorCode::kBadFile, fmt::format("key {} appears twice, first at offset {}",
                                                 Printable(entry.key), entries_[it->second].offset));
  entries_.push_back(std::move(entry));
  return {};
}

const GgufValue* GgufMetadata::Find(std::string_view key) const {
  const auto it = by_key_.find(key);
  return it == by_key_.end() ? nullptr : &entries_[it->second].value;
}

std::optional<int64_t> GgufMetadata::Int(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* i = std::get_if<int64_t>(value)) return *i;
  if (const auto* u = std::get_if<uint64_t>(value); u != nullptr && *u <= kMaxSigned)
    return static_cast<int64_t>(*u);
  return std::nullopt;
}

std::optional<double> GgufMetadata::Float(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* d = std::get_if<double>(value)) return *d;
  if (const auto* u = std::get_if<uint64_t>(value)) return static_cast<double>(*u);
  if (const auto* i = std::get_if<int64_t>(value)) return static_cast<double>(*i);
  return std::nullopt;
}

std::optional<bool> GgufMetadata::Bool(std::string_view key) const {
  const GgufValue* value = Find(key);
  const bool* b = value == nullptr ? nullptr : std::get_if<bool>(value);
  return b == nullptr ? std::nullopt : std::optional(*b);
}

std::optional<std::string_view> GgufMetadata::String(std::string_view key) const {
  const GgufValue* value = Find(key);
  const auto* s = value == nullptr ? nullptr : std::get_if<std::string_view>(value);
  return s == nullptr ? std::nullopt : std::optional(*s);
}

const std::vector<std::string_view>* GgufMetadata::Strings(std::string_view key) const {
  const GgufValue* value = Find(key);
  const auto* array = value == nullptr ? nullptr : std::get_if<GgufArray>(value);
  return array == nullptr ? nullptr : std::get_if<std::vector<std::string_view>>(array);
}

std::optional<std::vector<int64_t>> GgufMetadata::Ints(std::string_view key) const {
  const GgufValue* value = Find(key);
  const auto* array = value == nullptr ? nullptr : std::get_if<GgufArray>(value);
  if (array == nullptr) return std::nullopt;
  if (const auto* ints = std::get_if<std::vector<int64_t>>(array)) return *ints;
  const auto* unsigned_ints = std::get_if<std::vector<uint64_t>>(array);
  if (unsigned_ints == nullptr) return std::nullopt;
  for (const uint64_t u : *unsigned_ints)
    if (u > kMaxSigned) return std::nullopt;
  return std::vector<int64_t>(unsigned_ints->begin(), unsigned_ints->end());
}

std::optional<std::vector<double>> GgufMetadata::Floats(std::string_view key) const {
  const GgufValue* value = Find(key);
  const auto* array = value == nullptr ? nullptr : std::get_if<GgufArray>(value);
  if (array == nullptr) return std::nullopt;
  if (const auto* doubles = std::get_if<std::vector<double>>(array)) return *doubles;
  if (const auto* ints = std::get_if<std::vector<int64_t>>(array))
    return std::vector<double>(ints->begin(), ints->end());
  if (const auto* ints = std::get_if<std::vector<uint64_t>>(array))
    return std::vector<double>(ints->begin(), ints->end());
  return std::nullopt;
}

}  // namespace sluice::formats
