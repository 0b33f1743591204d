// Models of random weights at a published shape: what speed, memory and loading depend on, without a
// download.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "convert/write_progress.h"

namespace sluice::convert {

struct SynthOptions {
  std::string shape;             // one of ShapeNames(), or a config.json, or a directory that holds one
  std::string output;            // the GGUF file to write
  std::string types = "Q4_K_M";  // one of TypeMixNames() (mix.h), or a single type such as "BF16"
  int layers = 0;                // 0: as many as the shape says; fewer keep the first ones
  uint64_t seed = 1;             // the same seed gives the same file
  WriteProgress progress;
};

struct SynthReport {
  uint64_t bytes = 0;
  int64_t tensors = 0;
  int64_t parameters = 0;
};

// Writes a file that loads like the real one: names, metadata, types, and a vocabulary of the right size with
// made-up words. Weights are drawn so that activations neither vanish nor explode.
Result<SynthReport> Synthesize(const SynthOptions& options);

// "mixtral-8x7b", "olmoe", ...
std::vector<std::string_view> ShapeNames();

}  // namespace sluice::convert
