#include "perf/storage.h"

#include <algorithm>
#include <string_view>

namespace sluice::perf {
namespace {

using enum DType;

// Types by class of weights: attention, what every token uses of feed-forward blocks, gate and up and down of
// routed experts, embedding, head.
struct Recipe {
  std::string_view name;
  DType attention, shared, gate_up, down, embedding, head;
};
constexpr Recipe kRecipes[] = {
    {"bf16", kBF16, kBF16, kBF16, kBF16, kBF16, kBF16},
    {"q8", kQ8_0, kQ8_0, kQ8_0, kQ8_0, kQ8_0, kQ8_0},
    {"q6", kQ6_K, kQ6_K, kQ6_K, kQ6_K, kQ6_K, kQ6_K},
    {"q5", kQ5_K, kQ5_K, kQ5_K, kQ5_K, kQ5_K, kQ6_K},
    {"q4", kQ4_K, kQ4_K, kQ4_K, kQ4_K, kQ4_K, kQ6_K},
    {"q4-moe", kQ8_0, kQ8_0, kQ4_K, kQ5_K, kQ6_K, kQ8_0},
    {"q3-moe", kQ8_0, kQ8_0, kQ3_K, kQ4_K, kQ6_K, kQ8_0},
    {"mxfp4", kQ8_0, kQ8_0, kMXFP4, kMXFP4, kQ8_0, kQ8_0},
};
// Small matrices whose rounding decides about much: who works, what a state forgets.
constexpr std::string_view kExact[] = {"moe.router", "moe.shared_gate", "attn.beta", "attn.decay",
                                       "attn.conv"};

DType TypeByClass(const Recipe& recipe, const model::WeightNeed& need) {
  const std::string_view name = need.canonical;
  if (std::ranges::find(kExact, name) != std::end(kExact)) return kF32;
  if (name == "embed") return recipe.embedding;
  if (name == "head") return recipe.head;
  if (need.experts > 0) return name.ends_with(".down") ? recipe.down : recipe.gate_up;
  return name.starts_with("moe.shared.") || name.starts_with("ffn.") ? recipe.shared : recipe.attention;
}

// A type whose blocks fill the rows.
DType Fitting(DType type, int64_t cols) {
  if (RowBytes(type, cols)) return type;
  return RowBytes(kQ8_0, cols) ? kQ8_0 : kF16;
}

}  // namespace

double Storage::bits_per_weight() const {
  return 8.0 * static_cast<double>(accounting.weight_bytes) / static_cast<double>(accounting.parameters);
}

std::vector<Storage> Storages(const model::Desc& desc, const model::WeightMap* weights) {
  std::vector<Storage> storages;
  if (weights != nullptr) storages.push_back({kAsItIs, model::Account(desc, weights)});
  for (const Recipe& recipe : kRecipes) {
    const auto type_of = [&](const model::WeightNeed& need) {
      return Fitting(TypeByClass(recipe, need), need.cols);
    };
    storages.push_back({std::string(recipe.name), model::Account(desc, type_of)});
  }
  return storages;
}

}  // namespace sluice::perf
