#include "machine/node_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/arena.h"

namespace sluice::machine {
namespace {

std::vector<NodeLayout::Node> NodesWith(const Topology& topology, std::span<const int> cpus) {
  std::vector<NodeLayout::Node> nodes;
  for (const Node& node : topology.nodes) {
    NodeLayout::Node usable{.id = node.id, .cpus = {}};
    for (const int cpu : cpus)
      if (std::ranges::find(node.cpus, cpu) != node.cpus.end()) usable.cpus.push_back(cpu);
    if (!usable.cpus.empty()) nodes.push_back(std::move(usable));
  }
  return nodes;
}

}  // namespace

NodeChoice ChooseNodes(const Topology& topology, std::span<const int> cpus, int threads, Numa numa) {
  std::vector<NodeLayout::Node> nodes = NodesWith(topology, cpus);
  if (topology.nodes.size() < 2) return {{}, "memory has one node"};
  if (numa == Numa::kOff) return {{}, "memory is not placed (--numa off)"};
  if (nodes.size() < 2) return {{}, "one memory node has all cores that this process may use"};
  if (threads < static_cast<int>(nodes.size()))
    return {{}, fmt::format("{} threads are too few for {} memory nodes", threads, nodes.size())};
  const auto [fewest, most] =
      std::ranges::minmax(nodes, {}, [](const NodeLayout::Node& node) { return node.cpus.size(); });
  if (numa == Numa::kAuto && 2 * fewest.cpus.size() < most.cpus.size())
    return {
        {},
        fmt::format("memory is not placed: of {} nodes one has {} of the cores, another {} (--numa slices "
                    "does it all the same)",
                    nodes.size(), fewest.cpus.size(), most.cpus.size())};
  const std::string reason =
      fmt::format("each of {} memory nodes holds a slice of every matrix", nodes.size());
  return {{std::move(nodes)}, reason};
}

std::optional<std::string> WhyNotPlaced(const NodeLayout& layout) {
  constexpr int64_t kPage = 4096;
  for (const NodeLayout::Node& node : layout.nodes) {
    const auto page = Arena::Reserve(kPage);
    if (!page) return page.error().message;
    if (const Status placed = PlaceOnNode(page->data(), kPage, node.id); !placed)
      return placed.error().message;
  }
  return {};
}

}  // namespace sluice::machine
