// The tensors of a GGUF file for a described model: names, shapes and types.
#pragma once

#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"
#include "convert/mix.h"
#include "formats/tensor_index.h"
#include "model/family.h"
#include "model/weight_needs.h"

namespace sluice::convert {

// The same model in GGUF's terms: what its metadata cannot say about rotary frequencies goes into tensors of
// divisors.
model::Desc GgufForm(model::Desc desc);

struct OutputTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;            // outermost first; the experts of a layer are stacked
  model::WeightNeed need;                // what it holds, in the model's words; of several weights the first
  std::vector<model::WeightNeed> parts;  // all of them, where it holds several: one below the other,
  bool by_group = false;                 // ... or rows of each in every group
  bool on_its_side = false;              // holds the matrix's columns as rows

  int64_t cols() const { return shape.back(); }
  int64_t rows() const;  // of all experts and heads
};

// `described` is in GGUF's form. Model tensors first, then layer by layer. A family without a GGUF form is an
// error.
Result<std::vector<OutputTensor>> ListTensors(const model::Described& described, const TypeMix& mix);

// The list as a reader of the file would find it.
Result<formats::TensorIndex> AsRead(const std::vector<OutputTensor>& tensors);

}  // namespace sluice::convert
