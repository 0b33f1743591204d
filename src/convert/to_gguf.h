// A Hugging Face directory becomes one GGUF file.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
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

}  // namespace sluice::convert
