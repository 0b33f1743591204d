// Writes GGUF version 3, streaming: metadata and tensor descriptions first, then the data in the same order.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/atomic_file.h"
#include "base/dtype.h"
#include "base/result.h"
#include "formats/gguf.h"

namespace sluice::formats {

template <typename T, typename... Types>
concept OneOf = (std::same_as<T, Types> || ...);
template <typename T>
concept GgufNumber =
    OneOf<T, uint8_t, int8_t, uint16_t, int16_t, uint32_t, int32_t, float, bool, uint64_t, int64_t, double>;

// Use: Add..., AddTensor..., Open, Write..., Finish. Nothing is seen under the final name before Finish
// succeeds. Not thread-safe. Calls out of order are kInternal; what a GGUF file cannot hold is kUsage.
class GgufWriter {
 public:
  explicit GgufWriter(uint32_t alignment = kGgufDefaultAlignment) : alignment_(alignment) {}

  // The type of `value` is the type in the file: Add("llama.block_count", uint32_t{4}).
  template <GgufNumber T>
  Status Add(std::string_view key, T value);
  Status Add(std::string_view key, std::string_view value);
  template <GgufNumber T>
  Status AddArray(std::string_view key, std::span<const T> values);
  Status AddArray(std::string_view key, std::span<const std::string_view> values);
  Status AddArray(std::string_view key, std::span<const std::string> values);
  // Takes over an entry of another file to the bit. general.alignment is skipped: it is the constructor's.
  Status AddCopy(const GgufMetadata::Entry& entry);

  // `shape` outermost first, 1 to 4 dimensions; the last one must fill whole blocks.
  Status AddTensor(std::string_view name, DType dtype, std::span<const int64_t> shape);

  // The size of the whole file, once all is declared.
  uint64_t FileSize() const;

  Status Open(const std::string& path);
  // The next bytes of the current tensor, which must be `name`; a tensor may come in pieces.
  Status Write(std::string_view name, std::span<const std::byte> bytes);
  Status Finish();

 private:
  struct Declared {
    std::string name;
    uint64_t size;
  };

  Status CheckAlignment() const;
  Status Key(std::string_view key);
  void Append(const void* data, size_t size) { metadata_.append(static_cast<const char*>(data), size); }
  void AppendText(std::string_view text);
  Status AppendNumber(std::string_view key, GgufType type, const void* value, size_t size);
  Status AppendNumbers(std::string_view key, GgufType type, const void* values, size_t count, size_t size);
  template <typename Text>
  Status AppendTexts(std::string_view key, std::span<const Text> values);
  std::string Header() const;
  Status PadAfter(uint64_t size);

  template <GgufNumber T>
  static constexpr GgufType TypeOf();

  const uint32_t alignment_;
  std::string metadata_;  // encoded entries
  uint64_t entry_count_ = 0;
  std::string descriptions_;  // encoded tensor descriptions
  std::unordered_set<std::string> keys_, names_;
  std::vector<Declared> tensors_;
  uint64_t data_size_ = 0;  // with padding
  std::optional<AtomicFile> file_;
  size_t current_ = 0;         // the tensor being written
  uint64_t current_done_ = 0;  // its bytes so far
};

template <GgufNumber T>
constexpr GgufType GgufWriter::TypeOf() {
  if constexpr (std::same_as<T, uint8_t>) return GgufType::kU8;
  if constexpr (std::same_as<T, int8_t>) return GgufType::kI8;
  if constexpr (std::same_as<T, uint16_t>) return GgufType::kU16;
  if constexpr (std::same_as<T, int16_t>) return GgufType::kI16;
  if constexpr (std::same_as<T, uint32_t>) return GgufType::kU32;
  if constexpr (std::same_as<T, int32_t>) return GgufType::kI32;
  if constexpr (std::same_as<T, float>) return GgufType::kF32;
  if constexpr (std::same_as<T, bool>) return GgufType::kBool;
  if constexpr (std::same_as<T, uint64_t>) return GgufType::kU64;
  if constexpr (std::same_as<T, int64_t>) return GgufType::kI64;
  if constexpr (std::same_as<T, double>) return GgufType::kF64;
}

template <GgufNumber T>
Status GgufWriter::Add(std::string_view key, T value) {
  return AppendNumber(key, TypeOf<T>(), &value, sizeof(T));
}

template <GgufNumber T>
Status GgufWriter::AddArray(std::string_view key, std::span<const T> values) {
  return AppendNumbers(key, TypeOf<T>(), values.data(), values.size(), sizeof(T));
}

}  // namespace sluice::formats
