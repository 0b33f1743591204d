#include "tokenizer/model_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "tokenizer/json_fields.h"
#include "tokenizer/loaders.h"

namespace sluice::tokenizer {
namespace {

using nlohmann::json;

// "eos_token" is a string or an object with "content".
TokenId FindNamed(const json& config, std::string_view key, const Vocabulary& vocabulary) {
  const json& value = Field(config, key);
  const json& name = value.is_object() ? Field(value, "content") : value;
  return name.is_string() ? vocabulary.Find(name.get_ref<const std::string&>()) : kNoToken;
}

void AddEnd(TokenId id, PipelineParts& parts) {
  if (!parts.vocabulary.Has(id)) return;
  if (std::find(parts.end_tokens.begin(), parts.end_tokens.end(), id) == parts.end_tokens.end())
    parts.end_tokens.push_back(id);
}

Status AddAddedTokens(const json& config, PipelineParts& parts) {
  const json& decoder = Field(config, "added_tokens_decoder");
  if (!decoder.is_object()) return {};
  // In the order of their ids, as the library adds them.
  std::vector<std::pair<int64_t, const json*>> entries;
  for (const auto& [key, spec] : decoder.items()) {
    int64_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size())
      return Fail(ErrorCode::kBadFile, "\"added_tokens_decoder\" has a key that is no id");
    entries.emplace_back(id, &spec);
  }
  std::sort(entries.begin(), entries.end());
  bool any = false;
  for (const auto& [id, spec] : entries) {
    const auto& known = parts.added.tokens();
    const json& content = Field(*spec, "content");
    if (content.is_string() && std::any_of(known.begin(), known.end(), [&](const AddedToken& token) {
          return token.content == content.get_ref<const std::string&>();
        }))
      continue;
    SLUICE_CHECK_OK(AddAddedToken(*spec, id, parts));
    any = true;
  }
  return any ? NormalizeAddedTokens(parts) : Status();
}

// "add_bos_token" and "add_eos_token" overrule the post-processor.
Status ApplySurroundings(const json& config, PipelineParts& parts) {
  const bool has_bos = !parts.before.empty() && parts.before.front() == parts.bos;
  SLUICE_TRY(const bool add_bos, BoolField(config, "add_bos_token", has_bos));
  if (parts.bos != kNoToken && add_bos && !has_bos) parts.before.insert(parts.before.begin(), parts.bos);
  if (!add_bos && has_bos) parts.before.erase(parts.before.begin());
  const bool has_eos = !parts.after.empty() && parts.after.back() == parts.eos;
  SLUICE_TRY(const bool add_eos, BoolField(config, "add_eos_token", has_eos));
  if (parts.eos != kNoToken && add_eos && !has_eos) parts.after.push_back(parts.eos);
  if (!add_eos && has_eos) parts.after.pop_back();
  return {};
}

void ApplyChatTemplate(const json& config, PipelineParts& parts) {
  const json& chat_template = Field(config, "chat_template");
  if (chat_template.is_string()) parts.chat_template = chat_template.get<std::string>();
  if (!chat_template.is_array()) return;
  // Several, by name; "default" is the one for plain chat.
  for (const json& entry : chat_template) {
    const json& text = Field(entry, "template");
    if (text.is_string() && (parts.chat_template.empty() || Field(entry, "name") == "default"))
      parts.chat_template = text.get<std::string>();
  }
}

}  // namespace

Status ApplyTokenizerConfig(const json& config, PipelineParts& parts) {
  if (!config.is_object()) return Fail(ErrorCode::kBadFile, "is no object");
  SLUICE_CHECK_OK(AddAddedTokens(config, parts));
  if (const TokenId bos = FindNamed(config, "bos_token", parts.vocabulary); bos != kNoToken) parts.bos = bos;
  if (const TokenId eos = FindNamed(config, "eos_token", parts.vocabulary); eos != kNoToken) {
    parts.eos = eos;
    AddEnd(eos, parts);
  }
  ApplyChatTemplate(config, parts);
  return ApplySurroundings(config, parts);
}

bool ApplyEndTokens(const json& config, PipelineParts& parts) {
  const auto id_of = [](const json& value) {
    const bool fits =
        value.is_number_integer() && value.get<int64_t>() >= 0 && value.get<int64_t>() <= INT32_MAX;
    return fits ? value.get<TokenId>() : kNoToken;
  };
  const json& eos = Field(config, "eos_token_id");
  if (parts.bos == kNoToken)
    if (const TokenId bos = id_of(Field(config, "bos_token_id")); parts.vocabulary.Has(bos)) parts.bos = bos;
  std::vector<TokenId> ids;
  if (eos.is_array()) {
    for (const json& value : eos) ids.push_back(id_of(value));
  } else if (const TokenId id = id_of(eos); id != kNoToken) {
    ids.push_back(id);
  }
  for (const TokenId id : ids) AddEnd(id, parts);
  if (parts.eos == kNoToken && !ids.empty() && parts.vocabulary.Has(ids[0])) parts.eos = ids[0];
  return !ids.empty();
}

void GuessBosAndEos(PipelineParts& parts) {
  if (parts.bos == kNoToken && !parts.before.empty()) parts.bos = parts.before.front();
  if (parts.eos == kNoToken && !parts.after.empty()) parts.eos = parts.after.back();
  AddEnd(parts.eos, parts);
}

void AddKnownEndTokens(PipelineParts& parts) {
  constexpr std::string_view kNames[] = {
      "<|eot_id|>",      "<|eom_id|>",      "<|eot|>",  "<|eom|>",       "<|im_end|>",
      "<|end|>",         "<|return|>",      "<|call|>", "<end_of_turn>", "<|endoftext|>",
      "<|end_of_text|>", "<|end_of_turn|>", "[EOT]",    "[EOS]",         "<|END_OF_TURN_TOKEN|>"};
  for (const std::string_view name : kNames) {
    const TokenId id = parts.vocabulary.Find(name);
    if (std::find(parts.special.begin(), parts.special.end(), id) != parts.special.end()) AddEnd(id, parts);
  }
}

}  // namespace sluice::tokenizer
