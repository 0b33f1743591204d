// How a model's weights are arranged in a packed file (formats/packed_container.h). Changing anything here,
// or in the panels of kernels/, is a new layout.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "model/desc.h"
#include "model/weight_needs.h"

namespace sluice::model {

// One tensor of a packed file: a matrix as panels, vectors as floats, or feed-forward blocks. A block is
// gate and up panel by panel, then down; where it is an expert's it starts on a page, so that one read brings
// it.
struct PackedGroup {
  std::string name;
  std::vector<WeightNeed> needs;  // one; of a block gate (if it has one), up and down

  int units() const { return needs.front().experts > 0 ? needs.front().experts : 1; }
  // Rows of floats rather than panels.
  bool floats() const { return needs.front().vector || needs.front().floats; }

  struct Place {
    int64_t at = 0;            // of the first panel in its unit
    int64_t panel_stride = 0;  // 0: floats
  };
  struct Layout {
    std::vector<Place> places;  // of each need
    int64_t unit_bytes = 0;     // from one expert to the next
  };
  // `types`: of each need, with a panel form that its columns fill.
  Layout LayOut(std::span<const DType> types) const;
};

// Every weight of the model, in the order in which a packed file holds them.
std::vector<PackedGroup> PackedGroups(const Desc& desc);

}  // namespace sluice::model
