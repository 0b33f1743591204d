#include "engine/routing.h"

namespace sluice::engine {
namespace {

// Of the token in this row of the trace. A layer that has not run says nothing.
TokenRouting RoutingOf(const backend::RouterTrace& trace, size_t row, int64_t position) {
  TokenRouting routing{.position = position, .layers = {}};
  for (const backend::RouterTrace::Layer& layer : trace.layers) {
    if (layer.experts.empty()) continue;
    const auto top_k = static_cast<size_t>(layer.top_k);
    auto& chosen = routing.layers.emplace_back();
    for (size_t i = row * top_k; i < (row + 1) * top_k; ++i)
      chosen.emplace_back(layer.experts[i], layer.weights[i]);
  }
  return routing;
}

}  // namespace

void KeepRouting(const backend::RouterTrace& trace, std::span<const Chunk> chunks) {
  size_t row = 0;
  for (const Chunk& chunk : chunks) {
    Sequence& s = *chunk.sequence;
    for (int64_t i = 0; i < chunk.count; ++i) {
      const int64_t position = s.pages.length + i;
      if (position < s.request.routed_positions)
        s.routing.push_back(RoutingOf(trace, row + static_cast<size_t>(i), position));
    }
    row += static_cast<size_t>(chunk.count);
  }
}

}  // namespace sluice::engine
