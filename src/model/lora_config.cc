#include "model/lora_config.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/file.h"
#include "formats/file_error.h"
#include "formats/json.h"

namespace sluice::model {
namespace {

using nlohmann::json;

// Settings that must be absent, null, false or empty, and what they would ask for.
constexpr std::pair<const char*, const char*> kUnsupported[] = {
    {"use_dora", "the magnitudes of DoRA"},
    {"use_qalora", "grouped inputs"},
    {"use_bdlora", "block-diagonal matrices"},
    {"fan_in_fan_out", "weights stored the other way round"},
    {"lora_bias", "a bias"},
    {"modules_to_save", "whole modules beside the low-rank ones"},
    {"target_parameters", "matrices for stacked parameters"},
    {"trainable_token_indices", "new rows of the embedding"},
    {"layer_replication", "repeated layers"},
    {"alora_invocation_tokens", "an adapter that begins in the middle of a prompt"},
    {"arrow_config", "a router among adapters"},
    {"kasa_config", "singular values"},
    {"velora_config", "projected inputs"},
    {"monteclora_config", "sampled weights"},
};

// Ways to begin the training that change the base weights as well.
constexpr std::string_view kChangeBase[] = {"pissa", "olora", "corda", "loftq", "lora_ga"};

bool IsOff(const json& value) {
  return value.is_null() || (value.is_boolean() && !value.get<bool>()) ||
         (value.is_structured() && value.empty());
}

class Reader {
 public:
  Reader(const MappedFile& file, const json& values) : file_(file), values_(values) {}

  Result<LoraConfig> Read() {
    SLUICE_CHECK_OK(CheckKind());
    LoraConfig config;
    SLUICE_TRY(const double rank, Positive("r", Find("r"), kMaxLoraRank));
    SLUICE_TRY(config.alpha, Positive("lora_alpha", Find("lora_alpha"), 1e6));
    if (rank != std::floor(rank)) return Bad("r", fmt::format("is {}, not a whole number", rank));
    config.rank = static_cast<int>(rank);
    if (const json* root = Find("use_rslora")) {
      if (!root->is_boolean()) return Bad("use_rslora", "is neither true nor false");
      config.by_root = root->get<bool>();
    }
    SLUICE_TRY(config.ranks, Pattern("rank_pattern", kMaxLoraRank));
    SLUICE_TRY(config.alphas, Pattern("alpha_pattern", 1e6));
    for (const auto& [module, value] : config.ranks)
      if (value != std::floor(value))
        return Bad("rank_pattern", fmt::format("gives {} the rank {}", formats::Printable(module), value));
    if (const json* base = Find("base_model_name_or_path"); base != nullptr && base->is_string())
      config.base_model = formats::Printable(base->get_ref<const std::string&>());
    return config;
  }

 private:
  tl::unexpected<Error> Bad(std::string_view field, std::string_view what, std::string hint = {}) const {
    return Fail(formats::FileError(file_, 0, field, what, std::move(hint)));
  }
  const json* Find(const char* key) const {
    const auto it = values_.find(key);
    return it == values_.end() || it->is_null() ? nullptr : &*it;
  }

  Status CheckKind() const {
    const json* kind = Find("peft_type");
    if (kind == nullptr || *kind != "LORA")
      return Bad("peft_type", fmt::format("is {}, and only \"LORA\" is supported",
                                          kind == nullptr ? "missing" : formats::Printable(kind->dump())));
    if (const json* bias = Find("bias"); bias != nullptr && *bias != "none")
      return Bad("bias",
                 fmt::format("is {}, and only \"none\" is supported", formats::Printable(bias->dump())));
    for (const auto& [key, what] : kUnsupported)
      if (const json* value = Find(key); value != nullptr && !IsOff(*value))
        return Bad(key, fmt::format("asks for {}, which is not supported", what),
                   "merge the adapter into its model with the tool that trained it");
    const json* begin = Find("init_lora_weights");
    if (begin == nullptr || !begin->is_string()) return {};
    for (const std::string_view name : kChangeBase)
      if (begin->get_ref<const std::string&>().starts_with(name))
        return Bad("init_lora_weights",
                   fmt::format("is \"{}\", which changes the base model's weights too", name),
                   "let PEFT convert the adapter to plain LoRA when it saves it");
    return {};
  }

  Result<double> Positive(std::string_view field, const json* value, double most) const {
    const double number = value != nullptr && value->is_number() ? value->get<double>() : std::nan("");
    if (!(number > 0 && number <= most))
      return Bad(field, fmt::format("is {}, and must be a number above 0 and at most {}",
                                    value == nullptr ? "missing" : formats::Printable(value->dump()), most));
    return number;
  }

  // Keys are names; PEFT also takes regular expressions, of which only those that say a name are read.
  static std::optional<std::string> PlainName(std::string_view key) {
    if (key.starts_with('^')) key.remove_prefix(1);
    if (key.ends_with('$')) key.remove_suffix(1);
    std::string name;
    for (size_t i = 0; i < key.size(); ++i) {
      if (key.substr(i).starts_with("\\.")) ++i;
      const char c = key[i];
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                         c == '_' || c == '.' || c == '-';
      if (!plain) return {};
      name += c;
    }
    return name;
  }

  Result<std::vector<std::pair<std::string, double>>> Pattern(const char* field, double most) const {
    std::vector<std::pair<std::string, double>> pattern;
    const json* values = Find(field);
    if (values == nullptr) return pattern;
    if (!values->is_object()) return Bad(field, "is not an object");
    for (const auto& [key, value] : values->items()) {
      const auto name = PlainName(key);
      if (!name)
        return Bad(field,
                   fmt::format("has the key {}, a regular expression, which is not supported",
                               formats::Printable(key)),
                   "name each module");
      SLUICE_TRY(const double number,
                 Positive(fmt::format("{} {}", field, formats::Printable(key)), &value, most));
      pattern.emplace_back(*name, number);
    }
    return pattern;
  }

  const MappedFile& file_;
  const json& values_;
};

bool Names(std::string_view pattern, std::string_view module) {
  if (!module.ends_with(pattern)) return false;
  return module.size() == pattern.size() || module[module.size() - pattern.size() - 1] == '.';
}

double Lookup(const std::vector<std::pair<std::string, double>>& pattern, std::string_view module,
              double otherwise) {
  for (const auto& [name, value] : pattern)
    if (Names(name, module)) return value;
  return otherwise;
}

}  // namespace

int LoraConfig::RankOf(std::string_view module) const {
  return static_cast<int>(Lookup(ranks, module, rank));
}

double LoraConfig::ScaleOf(std::string_view module) const {
  const double r = RankOf(module);
  return Lookup(alphas, module, alpha) / (by_root ? std::sqrt(r) : r);
}

Result<LoraConfig> ReadLoraConfig(const std::string& path) {
  SLUICE_TRY(const MappedFile file, MappedFile::Open(path));
  SLUICE_TRY(const json values, formats::ParseJson(file));
  if (!values.is_object()) return Fail(formats::FileError(file, 0, "JSON", "is not an object"));
  return Reader(file, values).Read();
}

}  // namespace sluice::model
