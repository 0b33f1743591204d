// What a text puts into each matrix: the sums from which an importance matrix is made.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.h"
#include "base/thread_team.h"
#include "kernels/isa.h"
#include "model/model.h"

namespace sluice::engine {

struct MatrixInputs {
  model::WeightName name;
  std::vector<double> squares;  // [cols] summed over tokens
  int64_t tokens = 0;           // that the matrix read; of an expert those that were sent to it
};

// `model` was loaded with its names. Every matrix that is a whole weight is there, also one that read
// nothing.
Result<std::vector<MatrixInputs>> CollectInputs(const model::Model& model, ThreadTeam& team, kernels::Isa isa,
                                                const std::vector<std::vector<int32_t>>& windows,
                                                const std::function<void(int64_t, int64_t)>& progress);

}  // namespace sluice::engine
