// How fast the kernels multiply weights of one type: what decoding and prompts come down to.
#pragma once

#include "base/dtype.h"
#include "base/result.h"
#include "base/thread_team.h"
#include "kernels/isa.h"

namespace sluice::machine {

struct ProductRate {
  double decode = 0;  // weights a second, each read and multiplied with one token's activations
  double prompt = 0;  // weights times tokens a second, with 64 tokens each
};

// Of all workers of `team` together; the median of a few passes. A type that kernels do not compute on counts
// as F32, as which loading would decode it. `bytes`: of a model's weights, for one that caches hold; more
// than 256 MiB are not tried. kOs if there is no memory for the weights.
Result<ProductRate> MeasureProduct(ThreadTeam& team, kernels::Isa isa, DType type, int64_t bytes);

}  // namespace sluice::machine
