// Ways to store a model's weights, and what it takes in each.
#pragma once

#include <string>
#include <vector>

#include "model/accounting.h"
#include "model/desc.h"

namespace sluice::perf {

inline constexpr char kAsItIs[] = "as it is";

// The weights, stored one way.
struct Storage {
  std::string recipe;  // or kAsItIs
  model::Accounting accounting;

  double bits_per_weight() const;
};

// As it is, first, if `weights` is not null; and in each recipe: a type for each class of weights.
std::vector<Storage> Storages(const model::Desc& desc, const model::WeightMap* weights);

}  // namespace sluice::perf
