#include "model/family.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "formats/file_error.h"
#include "model/config.h"

namespace sluice::model {
namespace {

std::span<const std::string_view> NamesOf(const Family& family, bool gguf) {
  return gguf ? family.gguf_archs : family.hf_types;
}

int EditDistance(std::string_view a, std::string_view b) {
  std::vector<int> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    int diagonal = row[0]++;
    for (size_t j = 0; j < b.size(); ++j) {
      const int replaced = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

std::vector<std::string_view> NearestNames(std::string_view name, bool gguf) {
  std::vector<std::string_view> names;
  for (const Family* family : Families()) {
    for (std::string_view known : NamesOf(*family, gguf)) names.push_back(known);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::stable_sort(names.begin(), names.end(), [&](std::string_view a, std::string_view b) {
    return EditDistance(name, a) < EditDistance(name, b);
  });
  names.resize(std::min<size_t>(names.size(), 3));
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
  return Fail(ErrorCode::kBadFile,
              fmt::format("{}: {} \"{}\" is not supported", config.file(), key, formats::Printable(name)),
              fmt::format("the nearest supported names are {}",
                          fmt::join(NearestNames(name, config.from_gguf()), ", ")));
}

// Weights stored in a form that only its own loader can read must not pass for plain ones.
void CheckQuantization(const Config& config) {
  if (!config.Has("quantization_config")) return;
  const std::string method = config.String("quantization_config.quant_method", "");
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

}  // namespace

Result<Described> Describe(const Config& config) {
  SLUICE_TRY(const Family* family, FindFamily(config));
  CheckQuantization(config);
  Described described{family, family->build(config)};
  if (config.error()) return Fail(*config.error());
  return described;
}

Result<Described> Describe(const formats::Checkpoint& checkpoint) {
  SLUICE_TRY(const Config config, Config::From(checkpoint));
  return Describe(config);
}

}  // namespace sluice::model
