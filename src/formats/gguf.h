// GGUF, versions 2 and 3: a header, typed key-value metadata, tensor descriptions, data.
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "formats/tensor_index.h"

namespace sluice::formats {

// A metadata value. Integers are widened to 64 bits, floats to double. Strings point into the mapped file.
// Array elements follow the same widening; arrays of arrays are refused by the parser.
using GgufScalar = std::variant<bool, int64_t, uint64_t, double, std::string_view>;
using GgufArray = std::variant<std::vector<bool>, std::vector<int64_t>, std::vector<uint64_t>,
                               std::vector<double>, std::vector<std::string_view>>;
using GgufValue = std::variant<bool, int64_t, uint64_t, double, std::string_view, GgufArray>;

// Metadata in file order, found by key. The views live as long as the Checkpoint's files.
class GgufMetadata {
 public:
  struct Entry {
    std::string_view key;
    GgufValue value;
    uint64_t offset;                      // of the key in its file, for messages
    std::span<const std::byte> raw = {};  // type id and value as the file has them
  };

  const GgufValue* Find(std::string_view key) const;
  std::span<const Entry> entries() const { return entries_; }

  // Typed access, converting between integer signs where the value fits. nullopt: absent or of another type.
  std::optional<int64_t> Int(std::string_view key) const;
  std::optional<double> Float(std::string_view key) const;  // integers convert
  std::optional<bool> Bool(std::string_view key) const;
  std::optional<std::string_view> String(std::string_view key) const;
  const std::vector<std::string_view>* Strings(std::string_view key) const;
  std::optional<std::vector<int64_t>> Ints(std::string_view key) const;
  std::optional<std::vector<double>> Floats(std::string_view key) const;

  Status Add(Entry entry);  // refuses a duplicate key

 private:
  std::vector<Entry> entries_;
  std::unordered_map<std::string_view, size_t> by_key_;
};

// The ids of value types in a file.
enum class GgufType : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64,
};

constexpr uint32_t kGgufDefaultAlignment = 32;
constexpr uint32_t kGgufMaxAlignment = 1u << 21;  // the largest page size in use
constexpr uint32_t kGgufMaxDims = 4;

// One parsed file. Tensors carry `file_number`; shapes are outermost first (GGUF's ne reversed).
struct GgufFile {
  MappedFile file;  // keeps what the metadata points to
  int version = 0;
  GgufMetadata metadata;
  std::vector<Tensor> tensors;
};

// Checks everything before trusting it: counts, lengths, offsets, alignment, types, overlaps, duplicates.
// Never allocates more than a small multiple of the bytes it has already seen.
Result<GgufFile> ParseGguf(const MappedFile& file, uint32_t file_number = 0);

}  // namespace sluice::formats
