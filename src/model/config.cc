#include "model/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/config_gguf.h"

namespace sluice::model {
namespace {

using nlohmann::json;

constexpr int kMostLayers = 1024;

std::string Shorten(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return text.size() <= 60 ? text : text.substr(0, 57) + "...";
}

// Newer configurations keep theta and the scaling in one object; the words of the older ones are used here.
void FlattenRope(json& values) {
  const auto rope = values.find("rope_parameters");
  if (rope == values.end() || !rope->is_object()) return;
  if (!values.contains("rope_theta") && rope->contains("rope_theta"))
    values["rope_theta"] = (*rope)["rope_theta"];
  if (!values.contains("rope_scaling") && rope->value("rope_type", json("default")) != "default") {
    values["rope_scaling"] = *rope;
  }
}

}  // namespace

Config::Config(json values, std::string file) : values_(std::move(values)), file_(std::move(file)) {
  if (!values_.is_object()) {
    error_ = Error{ErrorCode::kBadFile, fmt::format("{}: the configuration is not a JSON object", file_), ""};
    values_ = json::object();
  }
  FlattenRope(values_);
}

Result<Config> Config::From(const formats::Checkpoint& checkpoint) {
  if (checkpoint.kind == formats::Checkpoint::Kind::kGguf) return GgufTranslation::Translate(checkpoint);
  Config config(checkpoint.config, checkpoint.path + "/config.json");
  config.tensors_ = &checkpoint.tensors;
  return config;
}

std::string Config::Architecture() const {
  const json* type = Find("model_type");
  return type && type->is_string() ? type->get<std::string>() : "";
}

const json* Config::Find(std::string_view key) const {
  const json* node = &values_;
  for (size_t begin = 0; begin <= key.size();) {
    const size_t end = std::min(key.find('.', begin), key.size());
    if (!node->is_object()) return nullptr;
    const auto child = node->find(std::string(key.substr(begin, end - begin)));
    if (child == node->end()) return nullptr;
    node = &*child;
    begin = end + 1;
  }
  return node->is_null() ? nullptr : node;
}

std::string Config::Spell(std::string_view key) const {
  const auto it = spelling_.find(key);
  return it == spelling_.end() ? std::string(key) : it->second;
}

bool Config::Has(std::string_view key) const { return Find(key) != nullptr; }

int Config::Int(std::string_view key, std::optional<int> fallback, int layer) const {
  const json* value = Find(key);
  if (value && value->is_array()) {
    if (static_cast<size_t>(layer) >= value->size()) {
      Refuse(key, fmt::format("has {} entries, none for layer {}", value->size(), layer));
      return 1;
    }
    value = &(*value)[layer];
  }
  if (!value) {
    if (!fallback) Refuse(key, "is missing");
    return fallback.value_or(1);
  }
  const double number = value->is_number() ? value->get<double>() : std::nan("");
  if (!(number == std::floor(number))) {
    Refuse(key, fmt::format("is {}, not a whole number", Shorten(*value)));
    return 1;
  }
  const int lowest = fallback == 0 ? 0 : 1;
  const double highest = key == "num_hidden_layers" ? kMostLayers : Config::kLargest;
  if (number < lowest || number > highest) {
    Refuse(key, fmt::format("is {}, not between {} and {:.0f}", Shorten(*value), lowest, highest));
    return 1;
  }
  return static_cast<int>(number);
}

float Config::Float(std::string_view key, std::optional<float> fallback) const {
  const json* value = Find(key);
  if (!value) {
    if (!fallback) Refuse(key, "is missing");
    return fallback.value_or(1);
  }
  const float number = value->is_number() ? value->get<float>() : std::nanf("");
  const bool zero_allowed = fallback == 0.0f;
  if (!std::isfinite(number) || number < 0 || (number == 0 && !zero_allowed)) {
    Refuse(key, fmt::format("is {}, not a {} number", Shorten(*value),
                            zero_allowed ? "non-negative" : "positive"));
    return 1;
  }
  return number;
}

bool Config::Bool(std::string_view key, bool fallback) const {
  const json* value = Find(key);
  if (!value) return fallback;
  if (!value->is_boolean()) {
    Refuse(key, fmt::format("is {}, neither true nor false", Shorten(*value)));
    return fallback;
  }
  return value->get<bool>();
}

std::string Config::String(std::string_view key, std::string_view fallback) const {
  const json* value = Find(key);
  if (!value) return std::string(fallback);
  if (!value->is_string()) {
    Refuse(key, fmt::format("is {}, not a string", Shorten(*value)));
    return std::string(fallback);
  }
  return value->get<std::string>();
}

bool Config::ListHolds(std::string_view key, int value) const {
  const json* list = Find(key);
  if (!list) return false;
  if (!list->is_array()) {
    Refuse(key, fmt::format("is {}, not a list", Shorten(*list)));
    return false;
  }
  for (const json& entry : *list) {
    if (entry.is_number_integer() && entry.get<int64_t>() == value) return true;
  }
  return false;
}

std::string Config::ListEntry(std::string_view key, int index) const {
  const json* list = Find(key);
  if (!list) return "";
  if (!list->is_array() || static_cast<size_t>(index) >= list->size() || !(*list)[index].is_string()) {
    Refuse(key, fmt::format("has no name at index {}", index));
    return "";
  }
  return (*list)[index].get<std::string>();
}

void Config::Refuse(std::string_view key, std::string_view why) const {
  if (error_) return;
  error_ = Error{ErrorCode::kBadFile, fmt::format("{}: {} {}", file_, Spell(key), why), ""};
}

void Config::RefuseIfTrue(std::string_view key) const {
  if (Bool(key, false)) Refuse(key, "is true, which is not supported");
}

void Config::RequireOneOf(std::string_view key, std::initializer_list<std::string_view> values) const {
  if (!Has(key)) return;
  const std::string value = String(key, "");
  if (std::find(values.begin(), values.end(), value) != values.end()) return;
  Refuse(key, fmt::format("is \"{}\", which is not supported here ({})", value, fmt::join(values, ", ")));
}

const formats::Tensor* Config::FindTensor(std::string_view name) const {
  return tensors_ ? tensors_->Find(name) : nullptr;
}

}  // namespace sluice::model
