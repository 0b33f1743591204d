// --temp, --top-p and their like.
#pragma once

#include <cstdint>

#include "cli/verb.h"
#include "engine/request.h"

namespace sluice::cli {

struct SamplingFlags {
  double temperature = 0.8, top_p = 0.95, typical_p = 1, min_p = 0;
  int64_t top_k = 0, max_tokens = 512;
  int64_t seed = -1;  // -1: another one every time

  void AddTo(Verb& verb);
  engine::SamplingParams Params() const;
};

}  // namespace sluice::cli
