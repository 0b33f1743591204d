#include "convert/metadata.h"

#include <span>
#include <type_traits>
#include <utility>

namespace sluice::convert {
namespace {

using formats::GgufArray;
using formats::GgufValue;

struct ToRead {
  GgufValue operator()(bool v) const { return v; }
  GgufValue operator()(uint32_t v) const { return uint64_t{v}; }
  GgufValue operator()(int32_t v) const { return int64_t{v}; }
  GgufValue operator()(float v) const { return double{v}; }
  GgufValue operator()(const std::string& v) const { return std::string_view(v); }
  GgufValue operator()(const std::vector<std::string>& v) const {
    return GgufArray(std::vector<std::string_view>(v.begin(), v.end()));
  }
  GgufValue operator()(const std::vector<float>& v) const {
    return GgufArray(std::vector<double>(v.begin(), v.end()));
  }
  GgufValue operator()(const std::vector<int32_t>& v) const {
    return GgufArray(std::vector<int64_t>(v.begin(), v.end()));
  }
  GgufValue operator()(const std::vector<uint8_t>& v) const {
    return GgufArray(std::vector<uint64_t>(v.begin(), v.end()));
  }
};

template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};

}  // namespace

void MetadataList::Set(std::string key, MetadataValue value) {
  for (Entry& entry : entries_) {
    if (entry.key != key) continue;
    entry.value = std::move(value);
    return;
  }
  entries_.push_back({std::move(key), std::move(value)});
}

Status MetadataList::AddTo(formats::GgufWriter& writer) const {
  for (const Entry& entry : entries_) {
    const auto add = [&](const auto& value) -> Status {
      using T = std::decay_t<decltype(value)>;
      if constexpr (IsVector<T>::value) {
        return writer.AddArray(entry.key, std::span(value));
      } else if constexpr (std::is_same_v<T, std::string>) {
        return writer.Add(entry.key, std::string_view(value));
      } else {
        return writer.Add(entry.key, value);
      }
    };
    SLUICE_CHECK_OK(std::visit(add, entry.value));
  }
  return {};
}

Result<formats::GgufMetadata> MetadataList::AsRead() const {
  formats::GgufMetadata metadata;
  for (const Entry& entry : entries_)
    SLUICE_CHECK_OK(metadata.Add({.key = entry.key, .value = std::visit(ToRead{}, entry.value)}));
  return metadata;
}

}  // namespace sluice::convert
