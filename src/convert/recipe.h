// Which type each class of weights is packed in. Experts are most of the bytes and each sees few tokens;
// attention is read for every token; a router's rounding changes who works. So each class has its own type.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"
#include "model/weight_needs.h"

namespace sluice::convert {

enum class WeightClass : uint8_t {
  kAttention,
  kShared,  // shared experts and dense feed-forward blocks: every token uses them
  kGateUp,  // of routed experts
  kDown,    // of routed experts
  kEmbedding,
  kHead,
  kExact,  // routers, norms, biases: F32 in every recipe
};
inline constexpr int kWeightClasses = 7;
std::string_view Name(WeightClass c);

WeightClass ClassOf(const model::WeightNeed& need);

struct Recipe {
  std::string name;
  std::array<std::optional<DType>, kWeightClasses> types;  // none: as the source has it

  std::optional<DType> TypeOf(WeightClass c) const {
    return c == WeightClass::kExact ? DType::kF32 : types[static_cast<size_t>(c)];
  }
  bool keeps_all() const;  // nothing is encoded anew
};

// One of RecipeNames(), or a file of lines "class = TYPE" ("gate_up = Q4_K"; "keep" for the source's type),
// '#' comments, and "base = RECIPE" for the classes that it does not name (else those are kept).
Result<Recipe> ReadRecipe(const std::string& name_or_file);
// "keep" first.
std::vector<std::string_view> RecipeNames();

}  // namespace sluice::convert
