// A model becomes one file that starts at once: quantised where a recipe says so, arranged as it is computed
// on, aligned to pages (formats/packed_container.h).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "convert/importance.h"
#include "convert/recipe.h"
#include "convert/write_progress.h"
#include "formats/checkpoint.h"

namespace sluice::convert {

struct PackOptions {
  std::string output;                      // the file to write
  Recipe recipe;                           // what is not named keeps its type
  const Importance* importance = nullptr;  // null: every input matters the same
  int threads = 0;                         // 0: one for each core
  WriteProgress progress;
  std::function<bool()> interrupted;  // asked often; true ends the work and leaves nothing behind
};

struct PackReport {
  struct Share {
    WeightClass weights = WeightClass::kExact;
    int64_t parameters = 0, bytes = 0;
    double bits() const { return 8.0 * static_cast<double>(bytes) / static_cast<double>(parameters); }
  };
  std::vector<Share> shares;  // by class, those that the model has
  uint64_t file_bytes = 0;
  int64_t tensors = 0;
  bool interrupted = false;

  Share total() const;
  void Count(WeightClass weights, int64_t parameters, int64_t bytes);
};

// Uses memory for a few tensors, whatever the model's size. A packed file is refused: its original is wanted.
Result<PackReport> PackModel(const formats::Checkpoint& checkpoint, const PackOptions& options);

}  // namespace sluice::convert
