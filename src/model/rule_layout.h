// How a rule's fix arranges a weight in its tensor.
#pragma once

#include <cstdint>

#include "model/family.h"
#include "model/weight_needs.h"

namespace sluice::model {

// What a rule's fix says about how its tensor stands in the file.
struct Layout {
  bool transposed = false;
  bool doubled = false;      // holds two weights' rows,
  bool in_turn = false;      // ... one of each after the other
  int part = 0;              // which of the two
  bool expert_rows = false;  // experts one below the other
  bool fused = false;        // q, k and v
  bool grouped = false;      // several weights, group by group
};
Layout LayoutOf(Rule::Fix fix);

// The row of the tensor where row r of the weight stands, for one that is not transposed.
int64_t StoredRowOf(const WeightNeed& need, const Layout& layout, int64_t r);

}  // namespace sluice::model
