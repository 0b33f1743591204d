// A model's description as GGUF metadata.
#pragma once

#include <string>

#include "base/result.h"
#include "convert/metadata.h"
#include "convert/tensor_list.h"
#include "model/family.h"

namespace sluice::convert {

struct GgufModel {
  MetadataList metadata;  // without the vocabulary
  model::Desc
      desc;  // as a reader of the file will describe it; only the pairing of rotated elements may differ
};

// Writes the description down and reads it back. A model that GGUF's keys cannot express is an error, not a
// file that computes something else.
Result<GgufModel> DescribeForGguf(const model::Described& described, const TypeMix& mix,
                                  const std::vector<OutputTensor>& tensors, const std::string& name);

}  // namespace sluice::convert
