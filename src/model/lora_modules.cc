#include "model/lora_modules.h"

#include <algorithm>

#include "model/name_pattern.h"
#include "model/weight_map.h"

namespace sluice::model {
namespace {

constexpr std::string_view kWeight = ".weight";

// "q" of "attn.q"
std::string_view RoleOf(std::string_view canonical) { return canonical.substr(canonical.rfind('.') + 1); }

// Where row r of q or k stands in a file whose heads have their halves one after the other, where here they
// take turns.
int64_t HalvesRow(int64_t r, int64_t head_dim) {
  const int64_t head = r / head_dim, i = r % head_dim;
  return head * head_dim + i % 2 * (head_dim / 2) + i / 2;
}

// Value heads here stand by their number within a key head, and as published by key head. `unit`: rows of
// one.
int64_t UntiledRow(const DeltaNet& net, int64_t r, int64_t unit) {
  const int64_t head = r / unit, per_key = net.value_heads / net.key_heads;
  return (head % net.key_heads * per_key + head / net.key_heads) * unit + r % unit;
}

}  // namespace

LoraModules::LoraModules(const Family& family, const Desc& desc)
    : needs_(WeightNeeds(desc, LatentForm::kJoined)) {
  std::unordered_map<std::string_view, std::vector<const Rule*>> rules;
  for (const Rule& rule : family.hf_rules) rules[rule.canonical].push_back(&rule);
  for (const WeightNeed& need : needs_) {
    const auto found = rules.find(need.canonical);
    if (need.vector || need.floats || found == rules.end()) continue;
    for (const Rule* rule : found->second) {
      const bool each = need.experts > 0 && rule->pattern.find("{E}") != rule->pattern.npos;
      for (int expert = 0; expert < (each ? need.experts : 1); ++expert) Add(*rule, need, each ? expert : -1);
    }
  }
}

void LoraModules::Add(const Rule& rule, const WeightNeed& need, int expert) {
  std::string name = FillPattern(rule.pattern, need.layer, std::max(expert, 0));
  if (name.ends_with(kWeight)) name.resize(name.size() - kWeight.size());
  std::vector<ModuleWeight>& weights = modules_[std::move(name)];
  const auto same = [&](const ModuleWeight& w) { return w.need == &need && w.expert == expert; };
  if (std::ranges::none_of(weights, same))
    weights.push_back({&need, LayoutOf(rule.fix), expert, need.experts > 0 && expert < 0});
}

const std::vector<ModuleWeight>* LoraModules::Find(std::string_view module) const {
  const auto found = modules_.find(std::string(module));
  return found == modules_.end() ? nullptr : &found->second;
}

std::vector<int64_t> ModuleRows(const ModuleWeight& weight, const Branch* branch, bool pairs) {
  const std::string_view role = RoleOf(weight.need->canonical);
  const auto* gqa = branch == nullptr ? nullptr : std::get_if<Gqa>(&branch->op);
  const auto* net = branch == nullptr ? nullptr : std::get_if<DeltaNet>(&branch->op);
  const auto* rope = gqa == nullptr ? nullptr : std::get_if<Rope>(&gqa->position);
  const bool turned = pairs && rope != nullptr && rope->interleaved && (role == "q" || role == "k");
  const bool wide = role == "v" || role == "z", tiled = net != nullptr && net->tiled;
  std::vector<int64_t> rows(static_cast<size_t>(weight.need->rows));
  for (int64_t r = 0; r < weight.need->rows; ++r) {
    int64_t published = r;
    if (turned) published = HalvesRow(r, gqa->head_dim);
    if (tiled && (wide || role == "beta" || role == "decay"))
      published = UntiledRow(*net, r, wide ? net->value_dim : 1);
    rows[static_cast<size_t>(r)] = StoredRowOf(*weight.need, weight.layout, published);
  }
  return rows;
}

std::vector<int64_t> ModuleColumns(const ModuleWeight& weight, const Branch* branch) {
  const auto* net = branch == nullptr ? nullptr : std::get_if<DeltaNet>(&branch->op);
  if (net == nullptr || !net->tiled || RoleOf(weight.need->canonical) != "o") return {};
  std::vector<int64_t> columns(static_cast<size_t>(weight.need->cols));
  for (int64_t c = 0; c < weight.need->cols; ++c)
    columns[static_cast<size_t>(c)] = UntiledRow(*net, c, net->value_dim);
  return columns;
}

int64_t ModuleHeight(const ModuleWeight& weight) {
  const WeightNeed& need = *weight.need;
  if (weight.layout.fused) return need.fused_rows;
  if (weight.layout.grouped) return need.groups * need.group_rows;
  return weight.layout.doubled ? 2 * need.rows : need.rows;
}

}  // namespace sluice::model
