// Runs of equal layers.
#pragma once

#include <cstddef>
#include <vector>

#include "model/desc.h"

namespace sluice::model {

struct LayerRun {
  size_t first = 0, last = 0;  // inclusive
  const Layer* layer = nullptr;
};

inline std::vector<LayerRun> LayerRuns(const Stack& stack) {
  std::vector<LayerRun> runs;
  for (size_t l = 0; l < stack.layers.size(); ++l) {
    if (!runs.empty() && *runs.back().layer == stack.layers[l]) {
      runs.back().last = l;
    } else {
      runs.push_back({l, l, &stack.layers[l]});
    }
  }
  return runs;
}

}  // namespace sluice::model
