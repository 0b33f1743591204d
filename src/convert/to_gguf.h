// A model becomes one GGUF file that other programs read too.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "convert/pack.h"
#include "convert/write_progress.h"

namespace sluice::convert {

struct ToGgufOptions {
  std::string input;             // the directory
  std::string output;            // the file to write
  std::string types = "Q4_K_M";  // one of TypeMixNames()
  std::string name;              // general.name; empty: the directory's
  int threads = 0;               // 0: one for each core
  WriteProgress progress;
};

struct ToGgufReport {
  uint64_t bytes = 0;
  int64_t tensors = 0;
};

// The file computes what the directory computes, but for the rounding of its types.
Result<ToGgufReport> ConvertToGguf(const ToGgufOptions& options);

// The same with the types of a recipe; a GGUF file keeps its metadata and the names of its tensors.
Result<PackReport> PackToGguf(const formats::Checkpoint& checkpoint, const PackOptions& options);

}  // namespace sluice::convert
