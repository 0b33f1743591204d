#include "model/find_matrix.h"

#include <string>

#include "model/weight_map.h"

namespace sluice::model {
namespace {

// The matrix of an operator that plays `role` ("q", "expert.up").
struct ByRole {
  std::string_view role;
  int expert;

  const PackedMatrix* operator()(const GqaWeights& w) const {
    if (role == "q") return &w.q;
    if (role == "k") return &w.k;
    if (role == "v") return &w.v;
    return role == "o" ? &w.o : nullptr;
  }
  const PackedMatrix* operator()(const MlaWeights& w) const {
    if (role == "q") return &w.q;
    if (role == "q_a") return &w.q_a;
    if (role == "q_b") return &w.q_b;
    if (role == "kv_a") return &w.kv_a;
    if (role == "index_q") return &w.indexer.q;
    if (role == "index_k") return &w.indexer.k;
    if (role == "index_weights") return &w.indexer.weights;
    return role == "o" ? &w.o : nullptr;
  }
  const PackedMatrix* operator()(const DeltaNetWeights& w) const {
    if (role == "q") return &w.q;
    if (role == "k") return &w.k;
    if (role == "v") return &w.v;
    if (role == "z") return &w.z;
    if (role == "beta") return &w.beta;
    if (role == "decay") return &w.decay;
    return role == "o" ? &w.o : nullptr;
  }
  const PackedMatrix* operator()(const FfnWeights& w) const {
    if (role == "gate") return &w.gate;
    if (role == "up") return &w.up;
    return role == "down" ? &w.down : nullptr;
  }
  const PackedMatrix* operator()(const MoeWeights& w) const {
    if (role == "router") return &w.router;
    if (role == "shared_gate") return &w.shared_gate;
    constexpr std::string_view kExpert = "expert.", kShared = "shared.";
    if (role.starts_with(kShared)) return ByRole{role.substr(kShared.size()), -1}(w.shared);
    if (!role.starts_with(kExpert) || expert < 0 || expert >= static_cast<int>(w.experts.size()))
      return nullptr;
    return ByRole{role.substr(kExpert.size()), -1}(w.experts[expert]);
  }
  const PackedMatrix* operator()(const ParallelWeights&) const { return nullptr; }
};

FoundMatrix FindIn(const std::vector<Branch>& branches, const std::vector<BranchWeights>& weights,
                   std::string_view part, const ByRole& by_role) {
  for (size_t b = 0; b < branches.size(); ++b) {
    if (const auto* parallel = std::get_if<Parallel>(&branches[b].op)) {
      const auto& inner = std::get<ParallelWeights>(weights[b].op).branches;
      const FoundMatrix found = FindIn(parallel->branches, inner, part, by_role);
      if (found.branch != nullptr) return found;
    }
    if (part != CanonicalPart(branches[b])) continue;
    FoundMatrix found{.branch = &branches[b]};
    if (by_role.role == "kv_b") {
      found.heads = std::get_if<MlaWeights>(&weights[b].op);
    } else {
      found.matrix = std::visit(by_role, weights[b].op);
      if (found.matrix != nullptr && !*found.matrix) found.matrix = nullptr;
    }
    return found;
  }
  return {};
}

}  // namespace

FoundMatrix FindMatrix(const Model& model, std::string_view canonical, int layer, int expert) {
  if (canonical == "head" && !model.desc.tied) return {.matrix = &model.head};
  constexpr std::string_view kEncoder = kEncoderPrefix;
  const bool encoder = canonical.starts_with(kEncoder);
  if (encoder) canonical.remove_prefix(kEncoder.size());
  if (encoder && !model.desc.encoder) return {};
  const Stack& stack = encoder ? *model.desc.encoder : model.desc.decoder;
  const StackWeights& weights = encoder ? model.encoder : model.decoder;
  const size_t dot = canonical.find('.');
  if (dot == canonical.npos || layer < 0 || layer >= static_cast<int>(stack.layers.size())) return {};
  return FindIn(stack.layers[layer], weights.layers[layer], canonical.substr(0, dot),
                {canonical.substr(dot + 1), expert});
}

}  // namespace sluice::model
