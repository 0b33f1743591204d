// Builds GGUF files byte by byte for tests, right or wrong in any place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "formats/gguf.h"

namespace sluice::formats {

class GgufBytes {
 public:
  struct Description {
    std::string name = "t";
    std::vector<int64_t> ne = {32};  // innermost first, as in the file
    uint32_t type = 0;               // F32
    uint64_t offset = 0;
    uint32_t n_dims = UINT32_MAX;  // UINT32_MAX: as many as `ne`
  };

  std::string magic = "GGUF";
  uint32_t version = 3;
  int64_t entry_count = -1;  // -1: as many as were added
  int64_t tensor_count = -1;
  size_t data_bytes = 0;  // after the descriptions, at the default alignment
  size_t alignment = kGgufDefaultAlignment;

  template <typename T>
  static std::string Raw(T value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  static std::string Text(std::string_view text) { return Raw(uint64_t{text.size()}) + std::string(text); }

  GgufBytes& Entry(std::string_view key, GgufType type, const std::string& value) {
    entries_ += Text(key) + Raw(type) + value;
    ++entries_added_;
    return *this;
  }
  GgufBytes& U32(std::string_view key, uint32_t value) { return Entry(key, GgufType::kU32, Raw(value)); }
  GgufBytes& String(std::string_view key, std::string_view value) {
    return Entry(key, GgufType::kString, Text(value));
  }
  GgufBytes& Array(std::string_view key, GgufType type, uint64_t count, const std::string& elements) {
    return Entry(key, GgufType::kArray, Raw(type) + Raw(count) + elements);
  }
  GgufBytes& Tensor(const Description& t) {
    tensors_ += Text(t.name) + Raw(t.n_dims == UINT32_MAX ? static_cast<uint32_t>(t.ne.size()) : t.n_dims);
    for (const int64_t n : t.ne) tensors_ += Raw(n);
    tensors_ += Raw(t.type) + Raw(t.offset);
    ++tensors_added_;
    return *this;
  }
  GgufBytes& Data(size_t bytes) {
    data_bytes = bytes;
    return *this;
  }

  std::string Build() const {
    std::string out = magic + Raw(version);
    out += Raw(tensor_count < 0 ? tensors_added_ : tensor_count) +
           Raw(entry_count < 0 ? entries_added_ : entry_count);
    out += entries_ + tensors_;
    if (data_bytes > 0) {
      out.resize((out.size() + alignment - 1) / alignment * alignment);
      out.resize(out.size() + data_bytes, '\x3f');
    }
    return out;
  }
  MappedFile File() const { return MappedFile::FromOwned(Build(), "test.gguf"); }

 private:
  std::string entries_, tensors_;
  int64_t entries_added_ = 0, tensors_added_ = 0;
};

}  // namespace sluice::formats
