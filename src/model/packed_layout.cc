#include "model/packed_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/arena.h"
#include "kernels/panel.h"
#include "model/packed.h"

namespace sluice::model {
namespace {

constexpr int64_t kLine = 64;

// "moe.expert" of "moe.expert.up"; empty where the weight is no matrix of a feed-forward block.
std::string_view BlockOf(const WeightNeed& need) {
  if (need.vector || need.floats) return {};
  for (const std::string_view end : {".gate", ".up", ".down"}) {
    std::string_view name = need.canonical;
    if (name.ends_with(end)) return name.substr(0, name.size() - end.size());
  }
  return {};
}

std::string NameOf(std::string_view canonical, int layer) {
  return layer < 0 ? std::string(canonical) : fmt::format("blk.{}.{}", layer, canonical);
}

int64_t PanelBytesOf(const WeightNeed& need, DType type) { return kernels::PanelBytes(type, need.cols); }

}  // namespace

PackedGroup::Layout PackedGroup::LayOut(std::span<const DType> types) const {
  Layout layout;
  if (floats()) {
    layout.places.push_back({});
    const int64_t elements = needs.front().rows * needs.front().cols;
    layout.unit_bytes = RoundUp(elements * static_cast<int64_t>(sizeof(float)), kLine);
    return layout;
  }
  // All but a block's last matrix take turns.
  const size_t in_turn = std::max<size_t>(needs.size(), 2) - 1;
  int64_t stride = 0;
  for (size_t i = 0; i < in_turn; ++i) {
    layout.places.push_back({stride, 0});
    stride += PanelBytesOf(needs[i], types[i]);
  }
  for (PackedGroup::Place& place : layout.places) place.panel_stride = stride;
  int64_t end = PanelsOf(needs.front().rows) * stride;
  if (in_turn < needs.size()) {
    const int64_t down = PanelBytesOf(needs.back(), types.back());
    layout.places.push_back({end, down});
    end += PanelsOf(needs.back().rows) * down;
  }
  layout.unit_bytes = needs.front().experts > 0 ? RoundUp(end, kExpertAlignment) : end;
  return layout;
}

std::vector<PackedGroup> PackedGroups(const Desc& desc) {
  std::vector<PackedGroup> groups;
  for (WeightNeed& need : WeightNeeds(desc, LatentForm::kSplit)) {
    const std::string_view block = BlockOf(need);
    std::string name = NameOf(block.empty() ? need.canonical : block, need.layer);
    const auto known = block.empty() ? groups.end() : std::ranges::find(groups, name, &PackedGroup::name);
    if (known != groups.end()) {
      known->needs.push_back(std::move(need));
    } else {
      groups.push_back({std::move(name), {std::move(need)}});
    }
  }
  return groups;
}

}  // namespace sluice::model
