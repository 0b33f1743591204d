#include "perf/storage.h"

#include "convert/mix.h"
#include "convert/recipe.h"

namespace sluice::perf {

double Storage::bits_per_weight() const {
  return 8.0 * static_cast<double>(accounting.weight_bytes) / static_cast<double>(accounting.parameters);
}

std::vector<Storage> Storages(const model::Desc& desc, const model::WeightMap* weights) {
  std::vector<Storage> storages;
  if (weights != nullptr) storages.push_back({kAsItIs, model::Account(desc, weights)});
  for (const std::string_view name : convert::RecipeNames()) {
    const auto recipe = convert::ReadRecipe(std::string(name));
    if (!recipe || recipe->keeps_all()) continue;
    const auto type_of = [&](const model::WeightNeed& need) {
      return convert::FittingType(recipe->TypeOf(convert::ClassOf(need)).value_or(DType::kF32), need.cols);
    };
    storages.push_back({recipe->name, model::Account(desc, type_of)});
  }
  return storages;
}

}  // namespace sluice::perf
