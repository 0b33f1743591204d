#include "convert/tensor_list.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/name_pattern.h"

namespace sluice::convert {
namespace {

using model::Desc;
using model::Rule;
using model::WeightNeed;

constexpr std::string_view kBias = ".bias";

// The name that files are written with: a rule that takes a tensor as it stands, experts stacked.
const Rule* FindRule(const model::Family& family, std::string_view canonical) {
  for (const Rule& rule : family.gguf_rules) {
    const bool stacked = rule.pattern.find("{E}") == rule.pattern.npos;
    if (rule.canonical == canonical && rule.fix == Rule::Fix::kNone && stacked) return &rule;
  }
  return nullptr;
}

Result<std::string> NameOf(const model::Family& family, const WeightNeed& need) {
  const Rule* rule = FindRule(family, need.canonical);
  if (rule) return model::FillPattern(rule->pattern, need.layer, 0);
  std::string_view stem = need.canonical;
  if (stem.ends_with(kBias)) {
    stem.remove_suffix(kBias.size());
    rule = FindRule(family, stem);
  }
  if (!rule)
    return Fail(ErrorCode::kConfig,
                fmt::format("GGUF has no name for {} of {} models", need.canonical, family.name));
  std::string name = model::FillPattern(rule->pattern, need.layer, 0);
  constexpr std::string_view kWeight = ".weight";
  if (name.ends_with(kWeight)) name.replace(name.size() - kWeight.size(), kWeight.size(), kBias);
  return name;
}

std::vector<int64_t> ShapeOf(const WeightNeed& need) {
  std::vector<int64_t> shape;
  if (need.experts > 0) shape.push_back(need.experts);
  if (need.heads > 0) {
    shape.insert(shape.end(), {need.heads, need.rows / need.heads});
  } else if (!need.vector && (need.rows > 1 || need.experts > 0)) {
    shape.push_back(need.rows);  // a matrix of one row is written as a vector
  }
  shape.push_back(need.cols);
  return shape;
}

MixModel FactsForMix(const Desc& desc, const std::vector<OutputTensor>& tensors) {
  MixModel facts{.layers = static_cast<int>(desc.decoder.layers.size()), .tied = desc.tied};
  for (const model::Layer& layer : desc.decoder.layers)
    for (const model::Branch& branch : layer) {
      if (const auto* moe = std::get_if<model::Moe>(&branch.op)) facts.experts = moe->router.experts;
      if (const auto* gqa = std::get_if<model::Gqa>(&branch.op))
        facts.query_heads_per_kv = gqa->heads / gqa->kv_heads;
      if (const auto* mla = std::get_if<model::Mla>(&branch.op)) facts.query_heads_per_kv = mla->heads;
    }
  facts.value_tensors = static_cast<int>(std::count_if(
      tensors.begin(), tensors.end(), [](const OutputTensor& t) { return t.need.canonical == "attn.v"; }));
  return facts;
}

}  // namespace

Desc GgufForm(Desc desc) {
  for (model::Layer& layer : desc.decoder.layers)
    for (model::Branch& branch : layer) {
      auto* gqa = std::get_if<model::Gqa>(&branch.op);
      auto* rope = gqa ? std::get_if<model::Rope>(&gqa->position) : nullptr;
      if (!rope || !std::holds_alternative<model::Llama3Scaling>(rope->scaling)) continue;
      rope->scaling = {};
      rope->file_factors = true;
    }
  return desc;
}

int64_t OutputTensor::rows() const {
  int64_t rows = 1;
  for (size_t d = 0; d + 1 < shape.size(); ++d) rows *= shape[d];
  return rows;
}

Result<std::vector<OutputTensor>> ListTensors(const model::Described& described, const TypeMix& mix) {
  const model::Family& family = *described.family;
  if (family.gguf_archs.empty())
    return Fail(ErrorCode::kConfig, fmt::format("GGUF has no architecture for {} models", family.name));
  const auto latent = FindRule(family, "attn.k_b") ? model::LatentForm::kSplit : model::LatentForm::kJoined;
  std::vector<OutputTensor> tensors;
  for (WeightNeed& need : model::WeightNeeds(described.desc, latent)) {
    SLUICE_TRY(std::string name, NameOf(family, need));
    tensors.push_back({.name = std::move(name), .shape = ShapeOf(need), .need = std::move(need)});
  }
  TypeChooser chooser(mix, FactsForMix(described.desc, tensors));
  for (OutputTensor& t : tensors)
    t.dtype = chooser.Choose(
        {.name = t.name, .cols = t.cols(), .dims = static_cast<int>(t.shape.size()), .layer = t.need.layer});
  return tensors;
}

Result<formats::TensorIndex> AsRead(const std::vector<OutputTensor>& tensors) {
  formats::TensorIndex index;
  for (const OutputTensor& t : tensors)
    SLUICE_CHECK_OK(index.Add({.name = t.name, .dtype = t.dtype, .shape = t.shape}));
  return index;
}

}  // namespace sluice::convert
