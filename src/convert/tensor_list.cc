#include "convert/tensor_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "model/name_pattern.h"

namespace sluice::convert {
namespace {

using model::Desc;
using model::Rule;
using model::WeightNeed;

constexpr std::string_view kBias = ".bias";

bool IsFused(Rule::Fix fix) {
  return fix == Rule::Fix::kFusedQ || fix == Rule::Fix::kFusedK || fix == Rule::Fix::kFusedV;
}

// How gladly a rule is written by, 0 the most; none if it is for reading only. Weights of layers that keep a
// state share names with those of attention, and stand otherwise.
std::optional<int> RankOf(const Rule& rule, bool keeps_state) {
  if (rule.pattern.find("{E}") != rule.pattern.npos) return std::nullopt;
  if (rule.fix == Rule::Fix::kNone) return keeps_state ? 1 : 0;
  if (IsFused(rule.fix) || rule.fix == Rule::Fix::kTranspose) return 0;
  if (rule.fix == Rule::Fix::kGrouped && keeps_state) return 2;
  return std::nullopt;
}

// The rule that files are written by, experts stacked: the first of the best rank, and of a layer that keeps
// a state the last: a family's rules for such layers stand behind the usual ones.
const Rule* FindRule(const model::Family& family, std::string_view canonical, bool keeps_state = false) {
  const Rule* best = nullptr;
  for (const Rule& rule : family.gguf_rules) {
    if (rule.canonical != canonical) continue;
    const std::optional<int> rank = RankOf(rule, keeps_state);
    if (!rank) continue;
    const int least = best ? *RankOf(*best, keeps_state) : *rank + 1;
    if (*rank < least || (keeps_state && *rank == least)) best = &rule;
  }
  return best;
}

struct Writing {
  std::string name;
  Rule::Fix fix = Rule::Fix::kNone;
};

Result<Writing> WritingOf(const model::Family& family, const WeightNeed& need, bool keeps_state) {
  const Rule* rule = FindRule(family, need.canonical, keeps_state);
  if (rule) return Writing{model::FillPattern(rule->pattern, need.layer, 0), rule->fix};
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
  return Writing{std::move(name)};
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

// Whether a weight is one of linear attention.
bool KeepsState(const Desc& desc, const WeightNeed& need) {
  if (need.layer < 0 || !need.canonical.starts_with("attn.")) return false;
  const model::Layer& layer = desc.decoder.layers[static_cast<size_t>(need.layer)];
  return std::ranges::any_of(
      layer, [](const model::Branch& b) { return std::holds_alternative<model::DeltaNet>(b.op); });
}

OutputTensor TensorOf(WeightNeed need, Writing writing) {
  OutputTensor tensor{.name = std::move(writing.name), .shape = ShapeOf(need), .need = need};
  tensor.by_group = writing.fix == Rule::Fix::kGrouped;
  tensor.on_its_side = writing.fix == Rule::Fix::kTranspose;
  if (tensor.on_its_side) std::swap(tensor.shape.front(), tensor.shape.back());
  if (IsFused(writing.fix) || tensor.by_group) tensor.parts.push_back(std::move(need));
  return tensor;
}

void AddPart(WeightNeed need, OutputTensor* tensor) {
  tensor->shape.front() += need.rows;
  tensor->parts.push_back(std::move(need));
}

const model::Moe* FindExperts(const model::Branch& branch) {
  if (const auto* both = std::get_if<model::Parallel>(&branch.op))
    for (const model::Branch& part : both->branches)
      if (const auto* moe = FindExperts(part)) return moe;
  return std::get_if<model::Moe>(&branch.op);
}

MixModel FactsForMix(const Desc& desc, const std::vector<OutputTensor>& tensors) {
  MixModel facts{.layers = static_cast<int>(desc.decoder.layers.size()), .tied = desc.tied};
  for (const model::Layer& layer : desc.decoder.layers)
    for (const model::Branch& branch : layer) {
      if (const auto* moe = FindExperts(branch)) facts.experts = moe->router.experts;
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
      if (!rope) continue;
      if (std::holds_alternative<model::Llama3Scaling>(rope->scaling)) {
        rope->scaling = {};
        rope->file_factors = true;
      } else if (auto* two = std::get_if<model::LongRopeScaling>(&rope->scaling)) {
        two->short_factors.clear();
        two->long_factors.clear();
        rope->file_factors = true;
      } else if (rope->still_pairs > 0) {
        rope->still_pairs = 0;
        rope->file_factors = true;
      }
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
    SLUICE_TRY(Writing writing, WritingOf(family, need, KeepsState(described.desc, need)));
    if (!tensors.empty() && tensors.back().name == writing.name)
      AddPart(std::move(need), &tensors.back());
    else
      tensors.push_back(TensorOf(std::move(need), std::move(writing)));
  }
  TypeChooser chooser(mix, FactsForMix(described.desc, tensors));
  for (OutputTensor& t : tensors) {
    t.dtype = chooser.Choose(
        {.name = t.name, .cols = t.cols(), .dims = static_cast<int>(t.shape.size()), .layer = t.need.layer});
    if (t.need.floats) t.dtype = DType::kF32;
  }
  return tensors;
}

Result<formats::TensorIndex> AsRead(const std::vector<OutputTensor>& tensors) {
  formats::TensorIndex index;
  for (const OutputTensor& t : tensors)
    SLUICE_CHECK_OK(index.Add({.name = t.name, .dtype = t.dtype, .shape = t.shape}));
  return index;
}

}  // namespace sluice::convert
