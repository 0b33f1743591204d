#include "convert/recipe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/nearest.h"
#include "formats/file_error.h"
#include "kernels/blocks.h"
#include "model/weight_map.h"

namespace sluice::convert {
namespace {

constexpr std::string_view kClassNames[kWeightClasses] = {"attention", "shared", "gate_up", "down",
                                                          "embedding", "head",   "exact"};
constexpr size_t kChosenClasses = kWeightClasses - 1;  // kExact is no choice

struct Named {
  std::string_view name;
  std::array<DType, kChosenClasses> types;  // in the order of WeightClass
};

using enum DType;
// attention, shared, gate_up, down, embedding, head. Down projections read the activations with the largest
// outliers, and the head decides between neighbouring tokens: both get more where bits are few.
constexpr Named kRecipes[] = {
    {"bf16", {kBF16, kBF16, kBF16, kBF16, kBF16, kBF16}},
    {"q8", {kQ8_0, kQ8_0, kQ8_0, kQ8_0, kQ8_0, kQ8_0}},
    {"q6", {kQ6_K, kQ6_K, kQ6_K, kQ6_K, kQ6_K, kQ6_K}},
    {"q5", {kQ5_K, kQ5_K, kQ5_K, kQ5_K, kQ5_K, kQ6_K}},
    {"q4", {kQ4_K, kQ4_K, kQ4_K, kQ4_K, kQ4_K, kQ6_K}},
    {"q4-moe", {kQ8_0, kQ8_0, kQ4_K, kQ5_K, kQ6_K, kQ8_0}},
    {"q3-moe", {kQ8_0, kQ8_0, kQ3_K, kQ4_K, kQ6_K, kQ8_0}},
    {"mxfp4", {kQ8_0, kQ8_0, kMXFP4, kMXFP4, kQ8_0, kQ8_0}},
};
// Matrices so small that their bits cost nothing, and whose rounding decides about much: who works, what a
// state forgets.
constexpr std::string_view kExactNames[] = {"moe.router", "moe.shared_gate", "attn.beta", "attn.decay",
                                            "attn.index_weights"};
constexpr std::string_view kKeep = "keep";

const Named* FindNamed(std::string_view name) {
  for (const Named& recipe : kRecipes)
    if (recipe.name == name) return &recipe;
  return nullptr;
}

Recipe FromNamed(const Named& named) {
  Recipe recipe{.name = std::string(named.name), .types = {}};
  std::copy(named.types.begin(), named.types.end(), recipe.types.begin());
  return recipe;
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string_view Unquoted(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

class RecipeFile {
 public:
  explicit RecipeFile(const MappedFile& file) : file_(file) {}

  Result<Recipe> Read() {
    recipe_.name = std::filesystem::path(file_.path()).filename().string();
    const std::string_view text = file_.text();
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      std::string_view line = text.substr(begin, end - begin);
      line = Trimmed(line.substr(0, std::min(line.find('#'), line.size())));
      if (!line.empty()) SLUICE_CHECK_OK(Line(line, begin));
      begin = end + 1;
    }
    if (base_ != nullptr)
      for (size_t c = 0; c < kChosenClasses; ++c)
        if (!said_[c]) recipe_.types[c] = base_->types[c];
    return std::move(recipe_);
  }

 private:
  tl::unexpected<Error> Bad(size_t offset, std::string_view field, std::string_view what,
                            std::string hint) const {
    return Fail(formats::FileError(file_, offset, formats::Printable(field), what, std::move(hint)));
  }

  Status Line(std::string_view line, size_t offset) {
    const size_t equals = line.find('=');
    if (equals == line.npos) return Bad(offset, line, "is no \"class = TYPE\"", "as in gate_up = Q4_K");
    const std::string_view key = Trimmed(line.substr(0, equals));
    const std::string_view value = Unquoted(Trimmed(line.substr(equals + 1)));
    if (key == "base") {
      base_ = FindNamed(value);
      if (base_ || value == kKeep) return {};
      return Bad(offset, key, fmt::format("\"{}\" is no recipe", formats::Printable(value)),
                 fmt::format("recipes are {}", fmt::join(RecipeNames(), ", ")));
    }
    const auto* known = std::find(kClassNames, kClassNames + kChosenClasses, key);
    if (known == kClassNames + kChosenClasses)
      return Bad(offset, key, "is no class of weights",
                 fmt::format("classes are {}", fmt::join(kClassNames, kClassNames + kChosenClasses, ", ")));
    const size_t c = static_cast<size_t>(known - kClassNames);
    said_[c] = true;
    if (value == kKeep) return {};
    const auto type = DTypeFromName(value);
    if (!type || !kernels::CanEncode(*type))
      return Bad(offset, key,
                 fmt::format("\"{}\" is no type that can be made here", formats::Printable(value)),
                 "take F32, F16, BF16, Q8_0, Q6_K, Q5_K, Q4_K, Q3_K, Q2_K, IQ4_XS, IQ4_NL or MXFP4");
    recipe_.types[c] = *type;
    return {};
  }

  const MappedFile& file_;
  Recipe recipe_;
  const Named* base_ = nullptr;
  std::array<bool, kChosenClasses> said_{};
};

}  // namespace

std::string_view Name(WeightClass c) { return kClassNames[static_cast<size_t>(c)]; }

WeightClass ClassOf(const model::WeightNeed& need) {
  std::string_view name = need.canonical;
  if (name.starts_with(model::kEncoderPrefix))
    name.remove_prefix(std::string_view(model::kEncoderPrefix).size());
  if (need.vector || need.floats || std::ranges::find(kExactNames, name) != std::end(kExactNames))
    return WeightClass::kExact;
  if (name == "embed") return WeightClass::kEmbedding;
  if (name == "head") return WeightClass::kHead;
  if (need.experts > 0) return name.ends_with(".down") ? WeightClass::kDown : WeightClass::kGateUp;
  const bool feed_forward = name.starts_with("moe.shared.") || name.starts_with("ffn.");
  return feed_forward ? WeightClass::kShared : WeightClass::kAttention;
}

bool Recipe::keeps_all() const {
  return std::ranges::none_of(types, [](const std::optional<DType>& t) { return t.has_value(); });
}

Result<Recipe> ReadRecipe(const std::string& name_or_file) {
  if (name_or_file == kKeep) return Recipe{.name = std::string(kKeep), .types = {}};
  if (const Named* named = FindNamed(name_or_file)) return FromNamed(*named);
  std::error_code ignored;
  if (!std::filesystem::exists(name_or_file, ignored)) {
    const auto names = RecipeNames();
    return Fail(ErrorCode::kUsage, fmt::format("\"{}\" is no recipe and no file", name_or_file),
                DidYouMean(name_or_file, names, fmt::format("recipes are {}", fmt::join(names, ", "))));
  }
  SLUICE_TRY(const MappedFile file, MappedFile::Open(name_or_file));
  return RecipeFile(file).Read();
}

std::vector<std::string_view> RecipeNames() {
  std::vector<std::string_view> names{kKeep};
  for (const Named& recipe : kRecipes) names.push_back(recipe.name);
  return names;
}

}  // namespace sluice::convert
