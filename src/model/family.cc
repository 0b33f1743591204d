#include "model/family.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/nearest.h"
#include "formats/file_error.h"
#include "model/config.h"
#include "model/unread_settings.h"
#include "model/weight_needs.h"

namespace sluice::model {
namespace {

std::span<const std::string_view> NamesOf(const Family& family, bool gguf) {
  return gguf ? family.gguf_archs : family.hf_types;
}

std::vector<std::string_view> KnownNames(bool gguf) {
  std::vector<std::string_view> names;
  for (const Family* family : Families()) {
    for (std::string_view known : NamesOf(*family, gguf)) names.push_back(known);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

Result<const Family*> FindFamily(const Config& config) {
  const std::string name = config.Architecture().substr(0, 80);
  const char* key = config.from_gguf() ? "general.architecture" : "model_type";
  if (name.empty()) return Fail(ErrorCode::kBadFile, fmt::format("{}: {} is missing", config.file(), key));
  for (const Family* family : Families()) {
    for (std::string_view known : NamesOf(*family, config.from_gguf())) {
      if (known == name && (!family->accepts || family->accepts(config))) return family;
    }
  }
  const std::vector<std::string_view> known = KnownNames(config.from_gguf());
  return Fail(ErrorCode::kBadFile,
              fmt::format("{}: {} \"{}\" is not supported", config.file(), key, formats::Printable(name)),
              DidYouMean(name, known, fmt::format("supported are {}", fmt::join(known, ", "))));
}

// Weights stored in a form that only its own loader can read must not pass for plain ones.
void CheckQuantization(const Config& config) {
  if (!config.Has("quantization_config")) return;
  const std::string method = config.String("quantization_config.quant_method", "");
  if (method == "mxfp4") return;  // resolving finds blocks and scales by their names
  if (method != "fp8") {
    config.Refuse("quantization_config.quant_method",
                  fmt::format("is \"{}\", which is not supported", method));
  }
  for (int side = 0; side < 2; ++side) {
    if (config.Int("quantization_config.weight_block_size", {}, side) != 128) {
      config.Refuse("quantization_config.weight_block_size", "is not [128, 128]");
    }
  }
}

// Numbers that are each in range may still describe a model that no file could hold.
void CheckSize(const Config& config, const Desc& desc) {
  constexpr double kMostParameters = 1e15;
  double parameters = 0;
  for (const WeightNeed& need : WeightNeeds(desc)) {
    parameters += static_cast<double>(need.rows) * static_cast<double>(need.cols) * std::max(need.experts, 1);
  }
  if (parameters > kMostParameters) {
    config.Refuse("hidden_size", fmt::format("and its like make a model of {:.1e} parameters", parameters));
  }
}

}  // namespace

Result<Described> Describe(const Config& config) {
  SLUICE_TRY(const Family* family, FindFamily(config));
  CheckQuantization(config);
  Described described{family, family->build(config)};
  CheckSize(config, described.desc);
  RefuseUnread(config, described.desc);
  if (config.error()) return Fail(*config.error());
  return described;
}

Result<Described> Describe(const formats::Checkpoint& checkpoint) {
  SLUICE_TRY(const Config config, Config::From(checkpoint));
  return Describe(config);
}

}  // namespace sluice::model
