// What a model costs: parameters, bytes and arithmetic, worked out from its description.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "base/dtype.h"
#include "kernels/kv_type.h"
#include "model/desc.h"
#include "model/weight_map.h"
#include "model/weight_needs.h"

namespace sluice::model {

// What keys and values take, by how they are kept.
struct KvBytes {
  int64_t by_type[kernels::kKvTypes] = {};

  int64_t Of(kernels::KvType type) const { return by_type[static_cast<size_t>(type)]; }
  int64_t usual() const { return Of(kernels::KvType::kF16); }
};

struct Accounting {
  int64_t parameters = 0;
  int64_t active_parameters = 0;  // that one token uses; the embedding counts whole
  int64_t expert_parameters = 0;  // of all routed experts

  // As they are stored; 0 without weights.
  int64_t weight_bytes = 0;
  int64_t active_bytes =
      0;  // read for one decoded token: one row of the embedding, top_k experts of each layer
  std::map<DType, int64_t> bytes_by_type;
  std::map<DType, int64_t> active_by_type;  // weights that one token is multiplied with

  KvBytes kv_bytes_per_token;         // all layers
  KvBytes source_kv_bytes_per_token;  // of each token of a source text, while its answer is made
  int64_t state_bytes = 0;            // of F32, that a sequence keeps whatever its length
  double flops_per_token = 0;         // a multiply-add counts two; without attention over the context
  double source_flops_per_token = 0;  // of each token of a source text, once
};

Accounting Account(const Desc& desc, const WeightMap* weights = nullptr);
// As if every matrix were stored in the type that `type_of` gives it, and vectors in F32. The type's blocks
// fill the matrix's rows.
Accounting Account(const Desc& desc, const std::function<DType(const WeightNeed&)>& type_of);

// Of the attention of one token that sees `context` tokens (windows obeyed, latent attention in its absorbed
// form).
double AttentionFlops(const Desc& desc, int64_t context);

// Of the whole view, with its block scales.
int64_t ViewBytes(const WeightView& view);

}  // namespace sluice::model
