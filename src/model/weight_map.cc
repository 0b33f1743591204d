#include "model/weight_map.h"

#include <fmt/format.h>

#include <utility>

namespace sluice::model {

const char* CanonicalPart(const Branch& branch) {
  struct Part {
    const char* operator()(const Gqa& a) const { return a.sees == Gqa::Sees::kSource ? "cross" : "attn"; }
    const char* operator()(const Mla&) const { return "attn"; }
    const char* operator()(const DeltaNet&) const { return "attn"; }
    const char* operator()(const Ffn&) const { return "ffn"; }
    const char* operator()(const Moe&) const { return "moe"; }
    const char* operator()(const Parallel&) const { return "mix"; }
  };
  return std::visit(Part{}, branch.op);
}

const WeightView* WeightMap::Find(std::string_view canonical, int layer, int expert) const {
  const auto it = views_.find(canonical);
  if (it == views_.end()) return nullptr;
  const size_t l = layer + 1, e = expert + 1;
  if (l >= it->second.size() || e >= it->second[l].size()) return nullptr;
  const WeightView& view = it->second[l][e];
  return view.data ? &view : nullptr;
}

Result<const WeightView*> WeightMap::Get(std::string_view canonical, int layer, int expert) const {
  if (const WeightView* view = Find(canonical, layer, expert)) return view;
  std::string where;
  if (layer != kNone) where += fmt::format(" of layer {}", layer);
  if (expert != kNone) where += fmt::format(", expert {}", expert);
  return Fail(ErrorCode::kBadFile, fmt::format("the model has no weight {}{}", canonical, where));
}

void WeightMap::Add(std::string canonical, int layer, int expert, WeightView view) {
  Layers& layers = views_[std::move(canonical)];
  const size_t l = layer + 1, e = expert + 1;
  if (layers.size() <= l) layers.resize(l + 1);
  if (layers[l].size() <= e) layers[l].resize(e + 1);
  layers[l][e] = std::move(view);
}

std::unordered_map<const WeightView*, WeightName> WeightMap::Names() const {
  std::unordered_map<const WeightView*, WeightName> names;
  for (const auto& [canonical, layers] : views_)
    for (size_t l = 0; l < layers.size(); ++l)
      for (size_t e = 0; e < layers[l].size(); ++e)
        names[&layers[l][e]] = {canonical, static_cast<int>(l) - 1, static_cast<int>(e) - 1};
  return names;
}

std::byte* WeightMap::Own(std::vector<std::byte> bytes) {
  owned_.push_back(std::move(bytes));
  return owned_.back().data();
}

}  // namespace sluice::model
