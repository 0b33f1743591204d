// The tensors of a model on disk, by name, whatever the container.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/dtype.h"
#include "base/file.h"
#include "base/result.h"

namespace sluice::formats {

struct Tensor {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t>
      shape;            // outermost first: a linear layer is [outputs, inputs], stacked experts [E, out, in]
  uint32_t file = 0;    // index into Checkpoint::files
  uint64_t offset = 0;  // of the first byte in that file
  uint64_t size = 0;    // bytes

  int64_t elements() const;
};

class TensorIndex {
 public:
  Status Add(Tensor tensor);  // refuses a duplicate name
  const Tensor* Find(std::string_view name) const;
  std::span<const Tensor> tensors() const { return tensors_; }

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::vector<Tensor> tensors_;
  std::unordered_map<std::string, size_t, Hash, std::equal_to<>> by_name_;
};

}  // namespace sluice::formats
