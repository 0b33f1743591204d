// From a weight's canonical name (model/weight_map.h) to the matrices of a loaded model that it became.
#pragma once

#include <string_view>

#include "model/model.h"

namespace sluice::model {

struct FoundMatrix {
  const Branch* branch = nullptr;        // null: of the model
  const PackedMatrix* matrix = nullptr;  // null: there is none, or
  const MlaWeights* heads = nullptr;     // ... attn.kv_b, cut into one pair of matrices per head
};

FoundMatrix FindMatrix(const Model& model, std::string_view canonical, int layer, int expert);

}  // namespace sluice::model
