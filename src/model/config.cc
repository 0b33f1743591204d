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

// Words of some families for what the others call `ours`.
constexpr struct {
  const char *ours, *theirs;
} kSynonyms[] = {
    {"hidden_size", "d_model"},
    {"num_hidden_layers", "n_layers"},
    {"num_hidden_layers", "num_layers"},
    {"num_attention_heads", "n_heads"},
    {"num_attention_heads", "num_heads"},
    {"num_key_value_heads", "attn_config.kv_n_heads"},
    {"clip_qkv", "attn_config.clip_qkv"},
    {"rope_theta", "attn_config.rope_theta"},
    {"max_position_embeddings", "max_seq_len"},
    {"max_position_embeddings", "n_positions"},
    {"intermediate_size", "ffn_config.ffn_hidden_size"},
    {"num_experts", "ffn_config.moe_num_experts"},
    {"num_experts_per_tok", "ffn_config.moe_top_k"},
};

// Newer configurations keep theta and the scaling in one object; the words of the older ones are used here.
void FlattenRope(json& values) {
  const auto rope = values.find("rope_parameters");
  if (rope == values.end() || !rope->is_object()) return;
  for (const char* key : {"rope_theta", "partial_rotary_factor", "mrope_section"})
    if (!values.contains(key) && rope->contains(key)) values[key] = (*rope)[key];
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
  Flatten();
}

// Models that also see keep the values of their text part in an object of their own.
void Config::Flatten() {
  const json text = values_.value("text_config", json());
  if (text.is_object()) {
    for (const auto& [key, value] : text.items()) {
      if (key == "model_type") continue;
      values_[key] = value;
      spelling_[key] = "text_config." + key;
    }
  }
  for (const auto& word : kSynonyms) {
    const json* value = Peek(word.theirs);
    if (value == nullptr || Peek(word.ours)) continue;
    spelling_[word.ours] = word.theirs;
    values_[word.ours] = json(*value);
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
  if (!read_.contains(key)) read_.emplace(key);
  return Peek(key);
}

const json* Config::Unread(std::string_view key) const {
  if (read_.contains(key)) return nullptr;
  // What a GGUF says once may be known by several names.
  if (const auto spelled = spelling_.find(key); spelled != spelling_.end())
    for (const auto& [name, spelling] : spelling_)
      if (spelling == spelled->second && read_.contains(name)) return nullptr;
  return Peek(key);
}

const json* Config::Peek(std::string_view key) const {
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
  const bool layers = key == "num_hidden_layers" || key == "num_decoder_layers";
  const double highest = layers ? kMostLayers : Config::kLargest;
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

std::string Config::ListChoice(std::string_view key, int index,
                               std::initializer_list<std::string_view> words) const {
  const std::string entry = ListEntry(key, index);
  if (std::find(words.begin(), words.end(), entry) != words.end()) return entry;
  Refuse(key, fmt::format("holds \"{}\" for layer {}, which is not supported here ({})", entry, index,
                          fmt::join(words, ", ")));
  return "";
}

std::vector<float> Config::Floats(std::string_view key, size_t count) const {
  std::vector<float> numbers;
  const json* list = Find(key);
  if (list && list->is_array()) {
    for (const json& entry : *list) {
      const float number = entry.is_number() ? entry.get<float>() : std::nanf("");
      if (std::isfinite(number) && number > 0) numbers.push_back(number);
    }
  }
  if (numbers.size() != count || list->size() != count) {
    Refuse(key, fmt::format("is no list of {} positive numbers", count));
    numbers.assign(count, 1.0f);
  }
  return numbers;
}

bool Config::HasEntries(std::string_view key) const {
  const json* list = Find(key);
  return list && list->is_array() && !list->empty();
}

bool Config::Is(std::string_view key, int value) const {
  const json* number = Find(key);
  return number && number->is_number_integer() && number->get<int64_t>() == value;
}

void Config::Refuse(std::string_view key, std::string_view why) const {
  if (error_) return;
  error_ = Error{ErrorCode::kBadFile, fmt::format("{}: {} {}", file_, Spell(key), why), ""};
}

void Config::RefuseValue(std::string_view key, std::string_view why) const {
  const json* value = Peek(key);
  Refuse(key, fmt::format("is {}, {}", value ? Shorten(*value) : "absent", why));
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
