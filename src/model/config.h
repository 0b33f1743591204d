// A model's configuration in Hugging Face's words, whichever container it came from.
//
// Reading never stops half way: the first missing or senseless value is kept as the config's error and the
// reader gets a harmless value in its place, so that a builder stays a list of assignments. Describe() looks
// at the error at the end. A key may be a path into nested objects ("rope_scaling.factor"). Not thread-safe.
#pragma once

#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/checkpoint.h"

namespace sluice::model {

class Config {
 public:
  // Larger numbers are nonsense in any field, and products of two stay within 64 bits.
  static constexpr int kLargest = 1 << 28;

  // `file` is the configuration's path, for messages.
  Config(nlohmann::json values, std::string file);
  // config.json, or a GGUF's metadata translated. The checkpoint must outlive the config.
  static Result<Config> From(const formats::Checkpoint& checkpoint);

  bool from_gguf() const { return from_gguf_; }
  const std::string& file() const { return file_; }
  // config.json's model_type or general.architecture; empty if there is none.
  std::string Architecture() const;

  bool Has(std::string_view key) const;  // present and not null
  // Without a fallback an absent value is an error. Integers are at least 1 and floats above 0, but where the
  // fallback is 0 they may be 0. Where the value is an array (one entry for each layer), `layer` picks the
  // entry.
  int Int(std::string_view key, std::optional<int> fallback = {}, int layer = 0) const;
  float Float(std::string_view key, std::optional<float> fallback = {}) const;
  bool Bool(std::string_view key, bool fallback) const;
  std::string String(std::string_view key, std::string_view fallback) const;
  bool ListHolds(std::string_view key, int value) const;         // an absent list holds nothing
  std::string ListEntry(std::string_view key, int index) const;  // "" if absent
  // The entry, which must be one of `words`; "" if it is not.
  std::string ListChoice(std::string_view key, int index,
                         std::initializer_list<std::string_view> words) const;
  // Positive numbers, exactly `count` of them.
  std::vector<float> Floats(std::string_view key, size_t count) const;
  bool HasEntries(std::string_view key) const;     // a list that is not empty
  bool Is(std::string_view key, int value) const;  // holds just this number

  // Records an error "<file>: <key as the file spells it> <why>", unless there is one already.
  void Refuse(std::string_view key, std::string_view why) const;
  // ... "<key> is <its value>, <why>".
  void RefuseValue(std::string_view key, std::string_view why) const;
  // Refuses a flag that would need arithmetic nobody wrote.
  void RefuseIfTrue(std::string_view key) const;
  // Refuses any other value; an absent one passes.
  void RequireOneOf(std::string_view key, std::initializer_list<std::string_view> values) const;
  // The value under a key of the top level that nobody has asked for; null if there is none or it was read.
  const nlohmann::json* Unread(std::string_view key) const;
  const std::optional<Error>& error() const { return error_; }

  // nullptr / false where the config came without its tensors.
  const formats::Tensor* FindTensor(std::string_view name) const;
  bool knows_tensors() const { return tensors_ != nullptr; }

 private:
  friend class GgufTranslation;

  void Flatten();
  const nlohmann::json* Find(std::string_view key) const;
  const nlohmann::json* Peek(std::string_view key) const;  // without reading it
  std::string Spell(std::string_view key) const;

  nlohmann::json values_;
  std::string file_;
  bool from_gguf_ = false;
  std::map<std::string, std::string, std::less<>> spelling_;  // our key -> the file's
  const formats::TensorIndex* tensors_ = nullptr;
  mutable std::set<std::string, std::less<>> read_;  // keys that were asked for
  mutable std::optional<Error> error_;
};

}  // namespace sluice::model
