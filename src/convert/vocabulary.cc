#include "convert/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "formats/json.h"
#include "tokenizer/json_fields.h"

namespace sluice::convert {
namespace {

using nlohmann::json;
using tokenizer::Field;

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

Result<Vocabulary> ReadVocabulary(const std::string& directory) {
  for (const char* name : {"/tokenizer.model", "/spiece.model"}) {
    if (!Exists(directory + name)) continue;
    SLUICE_TRY(const MappedFile file, MappedFile::Open(directory + name));
    return ReadSentencePiece(file);
  }
  SLUICE_TRY(const MappedFile file, MappedFile::Open(directory + "/tokenizer.json"));
  return ReadBpe(file);
}

Result<json> ReadOptionalJson(const std::string& path) {
  if (!Exists(path)) return json::object();
  SLUICE_TRY(const MappedFile file, MappedFile::Open(path));
  return formats::ParseJson(file);
}

// A special token is written as text, or as an object that holds it.
std::string TokenText(const json& config, std::string_view key) {
  const json& value = Field(config, key);
  const json& text = value.is_object() ? Field(value, "content") : value;
  return text.is_string() ? text.get<std::string>() : "";
}

// The id that a configuration gives; of several, the first.
std::optional<int64_t> IdIn(const json& config, std::string_view key) {
  const json* value = &Field(config, key);
  if (value->is_array() && !value->empty()) value = &value->front();
  return value->is_number_integer() ? std::optional(value->get<int64_t>()) : std::nullopt;
}

struct SpecialToken {
  std::string_view config;  // "eos_token", and "eos_token_id" in config.json
  std::string_view gguf;
};
constexpr SpecialToken kSpecialTokens[] = {
    {"bos_token", "tokenizer.ggml.bos_token_id"},
    {"eos_token", "tokenizer.ggml.eos_token_id"},
    {"unk_token", "tokenizer.ggml.unknown_token_id"},
    {"pad_token", "tokenizer.ggml.padding_token_id"},
};

void AddSpecialTokens(const Vocabulary& vocabulary, const json& tokenizer_config,
                      const formats::Checkpoint& checkpoint, MetadataList& metadata) {
  const int64_t size = static_cast<int64_t>(vocabulary.tokens.size());
  for (const SpecialToken& special : kSpecialTokens) {
    const std::string text = TokenText(tokenizer_config, special.config);
    const auto found = std::find(vocabulary.tokens.begin(), vocabulary.tokens.end(), text);
    std::optional<int64_t> id;
    if (!text.empty() && found != vocabulary.tokens.end()) id = found - vocabulary.tokens.begin();
    const std::string id_key = std::string(special.config) + "_id";
    if (!id) id = IdIn(checkpoint.generation_config, id_key);
    if (!id) id = IdIn(checkpoint.config, id_key);
    if (id && *id >= 0 && *id < size) metadata.Set(std::string(special.gguf), static_cast<uint32_t>(*id));
  }
}

// The template's text: in a file of its own, or in tokenizer_config.json, there sometimes one of several by
// name.
Result<std::string> ReadChatTemplate(const std::string& directory, const json& tokenizer_config) {
  const std::string path = directory + "/chat_template.jinja";
  if (Exists(path)) {
    SLUICE_TRY(const MappedFile file, MappedFile::Open(path));
    return std::string(file.text());
  }
  const json& value = Field(tokenizer_config, "chat_template");
  if (value.is_string()) return value.get<std::string>();
  for (const json& named : value)
    if (Field(named, "name") == "default") return tokenizer::StringField(named, "template", "");
  return std::string();
}

}  // namespace

void Vocabulary::Add(std::string token, float score, TokenType type) {
  tokens.push_back(std::move(token));
  scores.push_back(score);
  types.push_back(static_cast<int32_t>(type));
}

void Vocabulary::Fill(int64_t size) {
  while (static_cast<int64_t>(tokens.size()) < size)
    Add(fmt::format("[PAD{}]", tokens.size()), 0, TokenType::kUnused);
}

void Vocabulary::AddTo(MetadataList& metadata) const {
  metadata.Set("tokenizer.ggml.model", model);
  metadata.Set("tokenizer.ggml.pre", pre);
  metadata.Set("tokenizer.ggml.tokens", tokens);
  if (model == "t5") {
    metadata.Set("tokenizer.ggml.remove_extra_whitespaces", remove_spaces);
    if (!charsmap.empty()) metadata.Set("tokenizer.ggml.precompiled_charsmap", charsmap);
  }
  if (model == "t5" || model == "llama") {
    metadata.Set("tokenizer.ggml.scores", scores);
    metadata.Set("tokenizer.ggml.add_space_prefix", space_prefix);
  }
  metadata.Set("tokenizer.ggml.token_type", types);
  if (!merges.empty()) metadata.Set("tokenizer.ggml.merges", merges);
}

Status AddVocabulary(const formats::Checkpoint& checkpoint, int64_t size, MetadataList& metadata) {
  SLUICE_TRY(Vocabulary vocabulary, ReadVocabulary(checkpoint.path));
  SLUICE_TRY(const json config, ReadOptionalJson(checkpoint.path + "/tokenizer_config.json"));
  const int64_t tokens = static_cast<int64_t>(vocabulary.tokens.size());
  if (tokens > size)
    return Fail(ErrorCode::kBadFile,
                fmt::format("{}: the vocabulary has {} tokens, the embedding only {} rows", checkpoint.path,
                            tokens, size),
                "do the tokenizer and the weights belong together?");
  vocabulary.Fill(size);
  vocabulary.AddTo(metadata);
  AddSpecialTokens(vocabulary, config, checkpoint, metadata);
  SLUICE_TRY(const bool add_bos,
             tokenizer::BoolField(config, "add_bos_token",
                                  vocabulary.model == "llama" || vocabulary.model == "gemma4"));
  SLUICE_TRY(const bool add_eos, tokenizer::BoolField(config, "add_eos_token", vocabulary.model == "t5"));
  metadata.Set("tokenizer.ggml.add_bos_token", add_bos);
  metadata.Set("tokenizer.ggml.add_eos_token", add_eos);
  SLUICE_TRY(std::string chat, ReadChatTemplate(checkpoint.path, config));
  if (!chat.empty()) metadata.Set("tokenizer.chat_template", std::move(chat));
  return {};
}

}  // namespace sluice::convert
