#include "formats/tensor_index.h"

#include <fmt/format.h>

namespace sluice::formats {

int64_t Tensor::elements() const {
  int64_t n = 1;
  for (int64_t d : shape) n *= d;
  return n;
}

Status TensorIndex::Add(Tensor tensor) {
  const auto [it, inserted] = by_name_.emplace(tensor.name, tensors_.size());
  if (!inserted) return Fail(ErrorCode::kBadFile, fmt::format("tensor {} appears twice", tensor.name));
  tensors_.push_back(std::move(tensor));
  return {};
}

const Tensor* TensorIndex::Find(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : &tensors_[it->second];
}

}  // namespace sluice::formats
