// Which weights a module of the Hugging Face implementation holds. An adapter names modules, whatever
// container its base model was loaded from.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/desc.h"
#include "model/family.h"
#include "model/rule_layout.h"
#include "model/weight_needs.h"

namespace sluice::model {

// A weight, or its part of a module that holds several.
struct ModuleWeight {
  const WeightNeed* need = nullptr;
  Layout layout;
  int expert = -1;
  bool stacked = false;  // the module holds a matrix for each expert
};

class LoraModules {
 public:
  LoraModules(const Family& family, const Desc& desc);
  LoraModules(const LoraModules&) = delete;
  LoraModules& operator=(const LoraModules&) = delete;

  // "model.layers.3.self_attn.q_proj"; nullptr: there is no such module.
  const std::vector<ModuleWeight>* Find(std::string_view module) const;

 private:
  void Add(const Rule& rule, const WeightNeed& need, int expert);

  const std::vector<WeightNeed> needs_;
  std::unordered_map<std::string, std::vector<ModuleWeight>> modules_;
};

// Rows that a module's output [need.rows of the weight] are taken from: row r of the weight is the module's
// row result[r]. `pairs`: the loaded file has the two halves of each rotated head's rows in turn.
std::vector<int64_t> ModuleRows(const ModuleWeight& weight, const Branch* branch, bool pairs);
// The same of the weight's columns; empty: as they are.
std::vector<int64_t> ModuleColumns(const ModuleWeight& weight, const Branch* branch);
// Rows of the whole module.
int64_t ModuleHeight(const ModuleWeight& weight);

}  // namespace sluice::model
