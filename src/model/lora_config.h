// adapter_config.json, as the PEFT library writes it: how large an adapter's matrices are and how much they
// count.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace sluice::model {

struct LoraConfig {
  int rank = 0;
  double alpha = 0;
  bool by_root = false;  // the product is scaled by alpha / sqrt(rank) instead of alpha / rank
  // Of modules with these names, or whose names end in "." and one of these.
  std::vector<std::pair<std::string, double>> ranks, alphas;
  std::string base_model;  // what the file says that it was made for; may be empty

  int RankOf(std::string_view module) const;
  double ScaleOf(std::string_view module) const;
};

inline constexpr int kMaxLoraRank = 1024;

// Refuses, by name, every setting that would need other arithmetic than W x + scale * B (A x).
Result<LoraConfig> ReadLoraConfig(const std::string& path);

}  // namespace sluice::model
