// Every weight that a description needs, with its shape: what resolving looks for and what accounting counts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/desc.h"

namespace sluice::model {

struct WeightNeed {
  std::string canonical;
  int layer = -1;        // -1: of the model
  int experts = 0;       // > 0: that many, each of this shape,
  int used_experts = 0;  // ... of which one token uses so many
  int64_t heads = 0;     // > 0: a file holds it as [heads, rows / heads, cols]
  int64_t rows = 1, cols = 0;
  bool vector = false;     // norms and biases: [cols]
  bool floats = false;     // a table that is read as it is, by no matrix product
  int64_t fused_rows = 0;  // of q, k and v together, where this is one of them
  int64_t first_fused_row = 0;
  // Where a file may hold several weights group by group: how many groups, the rows of one of them over all
  // weights, and the first of this weight's there.
  int64_t groups = 0, group_rows = 0, first_group_row = 0;

  int64_t elements() const { return rows * cols * (experts > 0 ? experts : 1); }
};

// How the keys and values of latent attention are stored; a file may hold both.
enum class LatentForm : uint8_t { kJoined, kSplit };  // attn.kv_b; attn.k_b and attn.v_b

// Model weights first, then layer by layer in the order of computation, the encoder's before the decoder's.
std::vector<WeightNeed> WeightNeeds(const Desc& desc, LatentForm latent = LatentForm::kJoined);

}  // namespace sluice::model
