#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

#include "convert/vocabulary.h"
#include "formats/json.h"
#include "tokenizer/byte_tokens.h"
#include "tokenizer/json_fields.h"

namespace sluice::convert {
namespace {

using nlohmann::json;
using tokenizer::Field;

// The regular expressions that cut text, and GGUF's names for them.
struct Splitter {
  std::string_view pattern;
  std::string_view name;
};
constexpr Splitter kSplitters[] = {
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     "qwen2"},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     "llama-bpe"},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     "qwen35"},
};

// The first Split pattern in a pre-tokenizer, which may be a sequence. ByteLevel alone splits as GPT-2 did.
std::string_view NameOfSplitter(const json& pre_tokenizer) {
  const json& kind = Field(pre_tokenizer, "type");
  if (kind == "ByteLevel") return Field(pre_tokenizer, "use_regex") == false ? "" : "gpt-2";
  if (kind == "Split") {
    const json& pattern = Field(Field(pre_tokenizer, "pattern"), "Regex");
    for (const Splitter& splitter : kSplitters)
      if (pattern == splitter.pattern) return splitter.name;
    return "";
  }
  std::string_view found;
  int splits = 0;
  for (const json& part : Field(pre_tokenizer, "pretokenizers")) {
    const std::string_view name = NameOfSplitter(part);
    if (Field(part, "type") == "Split") ++splits;
    if (!name.empty()) found = name;
  }
  return splits > 1 ? "" : found;
}

// A merge is written "a b", or as a pair since 2024.
Result<std::string> MergeText(const json& merge, const std::string& path) {
  if (merge.is_string()) return merge.get<std::string>();
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
    return merge[0].get<std::string>() + " " + merge[1].get<std::string>();
  return Fail(ErrorCode::kBadFile, fmt::format("{}: model.merges holds something else than pairs", path));
}

struct Token {
  std::string text;
  TokenType type;
};

Result<std::map<int64_t, Token>> ReadTokens(const json& root, const std::string& path) {
  std::map<int64_t, Token> tokens;
  for (const auto& [text, id] : Field(Field(root, "model"), "vocab").items()) {
    if (!id.is_number_integer())
      return Fail(ErrorCode::kBadFile, fmt::format("{}: model.vocab gives a token no number", path));
    tokens[id.get<int64_t>()] = {text, TokenType::kNormal};
  }
  for (const json& added : Field(root, "added_tokens")) {
    const json &id = Field(added, "id"), &content = Field(added, "content");
    if (!id.is_number_integer() || !content.is_string())
      return Fail(ErrorCode::kBadFile,
                  fmt::format("{}: added_tokens holds an entry without id or content", path));
    const bool special = Field(added, "special") == true;
    tokens[id.get<int64_t>()] = {content.get<std::string>(),
                                 special ? TokenType::kControl : TokenType::kUserDefined};
  }
  return tokens;
}

// BPE over characters, white space made visible and never cut at: the form of Gemma 4.
bool IsGemmas(const json& root) {
  const json &normalizer = Field(root, "normalizer"), &splitter = Field(root, "pre_tokenizer");
  return Field(Field(root, "model"), "byte_fallback") == true && Field(normalizer, "type") == "Replace" &&
         Field(Field(normalizer, "pattern"), "String") == " " && Field(normalizer, "content") == "▁" &&
         (splitter.is_null() ||
          (Field(splitter, "type") == "Split" && Field(Field(splitter, "pattern"), "String") == " "));
}

// Tokens of single bytes are known by their spelling only.
void FindBytes(std::map<int64_t, Token>& tokens) {
  for (auto& [id, token] : tokens)
    if (token.type == TokenType::kNormal && tokenizer::ParseByteToken(token.text))
      token.type = TokenType::kByte;
}

}  // namespace

Result<Vocabulary> ReadBpe(const MappedFile& file) {
  SLUICE_TRY(const json root, formats::ParseJson(file));
  const json& model = Field(root, "model");
  const bool gemma = IsGemmas(root);
  const std::string_view pre = gemma ? "gemma4" : NameOfSplitter(Field(root, "pre_tokenizer"));
  if (Field(model, "type") != "BPE" || (Field(model, "byte_fallback") == true && !gemma) || pre.empty())
    return Fail(ErrorCode::kBadFile,
                fmt::format("{}: no BPE with a splitter that GGUF has a name for", file.path()),
                "gpt-2, llama-bpe, qwen2, qwen35 and gemma4 can be converted");
  Vocabulary vocabulary{.model = gemma ? "gemma4" : "gpt2", .pre = std::string(pre)};
  SLUICE_TRY(auto tokens, ReadTokens(root, file.path()));
  if (gemma) FindBytes(tokens);
  constexpr int64_t kMost = 1 << 24;
  for (const auto& [id, token] : tokens) {
    if (id < 0 || id >= kMost)
      return Fail(ErrorCode::kBadFile, fmt::format("{}: a token has the number {}", file.path(), id));
    vocabulary.Fill(id);
    vocabulary.Add(token.text, 0, token.type);
  }
  vocabulary.scores.clear();
  for (const json& merge : Field(model, "merges")) {
    SLUICE_TRY(std::string text, MergeText(merge, file.path()));
    vocabulary.merges.push_back(std::move(text));
  }
  return vocabulary;
}

}  // namespace sluice::convert
