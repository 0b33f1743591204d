// Which experts were used, drawn.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace sluice::cli {

// One line for each MoE layer: a bar for each expert, as high as its share of the layer's busiest, then how
// many were used at all and the share of the busiest. `layers[i]` is the number of the i-th MoE layer;
// `tokens` as Engine::expert_tokens counts them.
std::string ExpertHeat(std::span<const int> layers, const std::vector<std::vector<int64_t>>& tokens);

}  // namespace sluice::cli
