// How a model is spread over memory nodes.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/node_layout.h"
#include "machine/topology.h"

namespace sluice::machine {

enum class Numa : uint8_t {
  kAuto,    // slices where several nodes have about as many of the cores
  kOff,     // memory comes from where it is touched first
  kSlices,  // wherever several nodes have a core
};

struct NodeChoice {
  NodeLayout layout;   // of fewer than two nodes: nothing is placed
  std::string reason;  // in words
};
// `cpus`: one per core, that this process may use; `threads`: how many will run.
NodeChoice ChooseNodes(const Topology& topology, std::span<const int> cpus, int threads, Numa numa);

// Asks the system for a page of each node. Its reason if it refuses.
std::optional<std::string> WhyNotPlaced(const NodeLayout& layout);

}  // namespace sluice::machine
