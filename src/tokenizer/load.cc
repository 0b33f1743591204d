#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "formats/file_error.h"
#include "formats/json.h"
#include "formats/model_files.h"
#include "tokenizer/json_fields.h"
#include "tokenizer/loaders.h"
#include "tokenizer/model_config.h"

namespace sluice::tokenizer {
namespace {

namespace fs = std::filesystem;
using formats::ModelFiles;
using nlohmann::json;
using TokenizerResult = Result<std::unique_ptr<Tokenizer>>;

TokenizerResult Finish(Result<PipelineParts> parts) {
  if (!parts) return Fail(std::move(parts).error());
  return std::make_unique<Pipeline>(std::move(*parts));
}

// null if there is no such file.
Result<json> ReadOptionalJson(const ModelFiles& files, const char* name) {
  if (!files.Has(name)) return json();
  SLUICE_TRY(const MappedFile file, files.Open(name));
  return formats::ParseJson(file);
}

Result<PipelineParts> LoadVocabJson(const MappedFile& vocab, const ModelFiles& files) {
  SLUICE_TRY(const MappedFile merges, files.Open("merges.txt"));
  SLUICE_TRY(const json config, ReadOptionalJson(files, "tokenizer_config.json"));
  const json& kind = Field(config, "tokenizer_class");
  const bool qwen2 = kind.is_string() && kind.get_ref<const std::string&>().starts_with("Qwen2Tokenizer");
  return LoadVocabAndMerges(vocab, merges, qwen2 ? "qwen2" : "gpt-2");
}

Result<PipelineParts> LoadAnyJson(const MappedFile& file, const ModelFiles& files) {
  if (file.path().ends_with("vocab.json")) return LoadVocabJson(file, files);
  // A tekken.json starts with its "config", a tokenizer.json has a "model".
  const size_t config = file.text().find("\"config\""), model = file.text().find("\"model\"");
  return config < model ? LoadTekken(file) : LoadTokenizerJson(file);
}

// Names that a tokenizer_config.json gives to special ids replace the built-in ones.
Status RenameSpecial(const json& config, TiktokenSpec& spec) {
  const json& decoder = Field(config, "added_tokens_decoder");
  if (!decoder.is_object()) return {};
  for (auto& [name, id] : spec.special) {
    const json& entry = Field(decoder, std::to_string(id));
    if (entry.is_object()) {
      SLUICE_TRY(name, RequiredString(entry, "content"));
    }
  }
  return {};
}

Result<PipelineParts> LoadAnyTiktoken(const MappedFile& file, const ModelFiles& files,
                                      const std::string& pre) {
  SLUICE_TRY(const size_t ranks, CountTiktokenRanks(file));
  SLUICE_TRY(TiktokenSpec spec, FindTiktokenSpec(pre, ranks));
  SLUICE_TRY(const json config, ReadOptionalJson(files, "tokenizer_config.json"));
  SLUICE_CHECK_OK(RenameSpecial(config, spec));
  return LoadTiktoken(file, spec);
}

bool LooksLikeTiktoken(std::string_view text) {
  const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size()));
  return !line.empty() && std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c < 0x7F; });
}

Result<PipelineParts> LoadFile(const MappedFile& file, const ModelFiles& files, const LoadOptions& options) {
  const std::string_view text = file.text();
  if (text.empty()) return Fail(formats::FileError(file, 0, "vocabulary", "the file is empty"));
  const size_t start = text.find_first_not_of(" \t\r\n");
  if (start != std::string_view::npos && text[start] == '{') return LoadAnyJson(file, files);
  if (LooksLikeTiktoken(text)) return LoadAnyTiktoken(file, files, options.pre);
  return LoadSentencePiece(file);
}

// The vocabulary file of a model directory.
Result<std::string> FindVocabulary(const ModelFiles& files) {
  for (const char* name : {"tokenizer.json", "tokenizer.model", "tekken.json", "tiktoken.model",
                           "spiece.model", "sentencepiece.bpe.model", "vocab.json"})
    if (files.Has(name)) return name;
  for (const std::string& name : files.Names())
    if (name.ends_with(".tiktoken") || name.ends_with(".gguf") || name.starts_with("tokenizer.model."))
      return name;
  return Fail(ErrorCode::kMissing, fmt::format("{}: there is no vocabulary", files.place()),
              "a tokenizer.json, tokenizer.model, tekken.json, vocab.json with merges.txt, *.tiktoken or "
              "*.gguf is needed");
}

// What stands beside the vocabulary file.
Status ApplyNeighbours(const ModelFiles& files, PipelineParts& parts) {
  constexpr const char* kConfig = "tokenizer_config.json";
  SLUICE_TRY(const json config, ReadOptionalJson(files, kConfig));
  if (!config.is_null()) {
    if (const Status status = ApplyTokenizerConfig(config, parts); !status)
      return Fail(status.error().code,
                  fmt::format("{}: {}", (fs::path(files.place()) / kConfig).string(), status.error().message),
                  status.error().hint);
  }
  if (files.Has("chat_template.jinja")) {
    SLUICE_TRY(const MappedFile file, files.Open("chat_template.jinja"));
    parts.chat_template = file.text();
  }
  bool named = false;
  for (const char* name : {"generation_config.json", "config.json"}) {
    if (named) break;
    SLUICE_TRY(const json settings, ReadOptionalJson(files, name));
    named = ApplyEndTokens(settings, parts);
  }
  GuessBosAndEos(parts);
  if (!named) AddKnownEndTokens(parts);
  return {};
}

// The vocabulary in `file`, which stands among `files`.
TokenizerResult LoadAmong(const MappedFile& file, const ModelFiles& files, const LoadOptions& options) {
  if (file.text().starts_with("GGUF")) {
    SLUICE_TRY(const formats::GgufFile gguf, formats::ParseGguf(file));
    if (!formats::IsPacked(gguf.metadata)) return Finish(LoadGguf(gguf.metadata, file.path()));
    SLUICE_TRY(const formats::Checkpoint packed, formats::OpenGgufCheckpoint(file));
    return LoadTokenizer(packed);
  }
  SLUICE_TRY(PipelineParts parts, LoadFile(file, files, options));
  SLUICE_CHECK_OK(ApplyNeighbours(files, parts));
  return Finish(std::move(parts));
}

TokenizerResult LoadFrom(const ModelFiles& files, const LoadOptions& options) {
  SLUICE_TRY(const std::string name, FindVocabulary(files));
  SLUICE_TRY(const MappedFile file, files.Open(name));
  return LoadAmong(file, files, options);
}

}  // namespace

TokenizerResult LoadTokenizer(const std::string& path, const LoadOptions& options) {
  std::error_code error;
  if (fs::is_directory(path, error)) return LoadFrom(ModelFiles::InDirectory(path), options);
  SLUICE_TRY(const MappedFile file, MappedFile::Open(path));
  return LoadAmong(file, ModelFiles::InDirectory(fs::path(path).parent_path().string()), options);
}

TokenizerResult LoadTokenizer(const formats::Checkpoint& checkpoint) {
  if (checkpoint.kind == formats::Checkpoint::Kind::kGguf)
    return Finish(LoadGguf(checkpoint.gguf, checkpoint.path));
  return LoadFrom(checkpoint.side_files, {});
}

}  // namespace sluice::tokenizer
