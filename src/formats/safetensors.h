// safetensors: an 8-byte length, a JSON header {name: {dtype, shape, data_offsets}}, then data that the
// tensors tile without gaps. https://github.com/huggingface/safetensors
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "formats/tensor_index.h"

namespace sluice::formats {

struct SafetensorsFile {
  std::vector<Tensor> tensors;                                // in the order of the header
  std::vector<std::pair<std::string, std::string>> metadata;  // __metadata__
};

// Checks everything before trusting it. Tensors may start at any byte: the format promises no alignment.
Result<SafetensorsFile> ParseSafetensors(const MappedFile& file, uint32_t file_number = 0);

// One safetensors file whose tensors are read into memory by name: small files such as test data.
class SafetensorsReader {
 public:
  static Result<SafetensorsReader> Open(const std::string& path);

  const TensorIndex& tensors() const { return tensors_; }
  std::span<const std::byte> Bytes(const Tensor& t) const { return file_.bytes().subspan(t.offset, t.size); }

  // kMissing if there is no such tensor, kBadFile if its dtype is another one.
  Result<std::vector<float>> Floats(std::string_view name) const;      // F32
  Result<std::vector<int32_t>> Ints(std::string_view name) const;      // I32
  Result<std::vector<uint8_t>> RawBytes(std::string_view name) const;  // U8

 private:
  template <typename T>
  Result<std::vector<T>> Read(std::string_view name, DType dtype) const;

  MappedFile file_;
  TensorIndex tensors_;
};

}  // namespace sluice::formats
