#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "formats/file_error.h"
#include "formats/json.h"
#include "tokenizer/json_fields.h"
#include "tokenizer/loaders.h"
#include "tokenizer/model_config.h"

namespace sluice::tokenizer {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using TokenizerResult = Result<std::unique_ptr<Tokenizer>>;

TokenizerResult Finish(Result<PipelineParts> parts) {
  if (!parts) return Fail(std::move(parts).error());
  return std::make_unique<Pipeline>(std::move(*parts));
}

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// null if there is no such file.
Result<json> ReadOptionalJson(const fs::path& path) {
  if (!Exists(path)) return json();
  SLUICE_TRY(const MappedFile file, MappedFile::Open(path.string()));
  return formats::ParseJson(file);
}

Result<PipelineParts> LoadVocabJson(const MappedFile& vocab, const fs::path& directory) {
  SLUICE_TRY(const MappedFile merges, MappedFile::Open((directory / "merges.txt").string()));
  SLUICE_TRY(const json config, ReadOptionalJson(directory / "tokenizer_config.json"));
  const json& kind = Field(config, "tokenizer_class");
  const bool qwen2 = kind.is_string() && kind.get_ref<const std::string&>().starts_with("Qwen2Tokenizer");
  return LoadVocabAndMerges(vocab, merges, qwen2 ? "qwen2" : "gpt-2");
}

Result<PipelineParts> LoadAnyJson(const MappedFile& file, const fs::path& directory) {
  if (file.path().ends_with("vocab.json")) return LoadVocabJson(file, directory);
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

Result<PipelineParts> LoadAnyTiktoken(const MappedFile& file, const fs::path& directory,
                                      const std::string& pre) {
  SLUICE_TRY(const size_t ranks, CountTiktokenRanks(file));
  SLUICE_TRY(TiktokenSpec spec, FindTiktokenSpec(pre, ranks));
  SLUICE_TRY(const json config, ReadOptionalJson(directory / "tokenizer_config.json"));
  SLUICE_CHECK_OK(RenameSpecial(config, spec));
  return LoadTiktoken(file, spec);
}

Result<PipelineParts> LoadGgufFile(const MappedFile& file) {
  SLUICE_TRY(const formats::GgufFile gguf, formats::ParseGguf(file));
  return LoadGguf(gguf.metadata, file.path());
}

bool LooksLikeTiktoken(std::string_view text) {
  const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size()));
  return !line.empty() && std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c < 0x7F; });
}

Result<PipelineParts> LoadFile(const fs::path& path, const LoadOptions& options) {
  SLUICE_TRY(const MappedFile file, MappedFile::Open(path.string()));
  const std::string_view text = file.text();
  const fs::path directory = path.parent_path();
  if (text.empty()) return Fail(formats::FileError(file, 0, "vocabulary", "the file is empty"));
  if (text.starts_with("GGUF")) return LoadGgufFile(file);
  const size_t start = text.find_first_not_of(" \t\r\n");
  if (start != std::string_view::npos && text[start] == '{') return LoadAnyJson(file, directory);
  if (LooksLikeTiktoken(text)) return LoadAnyTiktoken(file, directory, options.pre);
  return LoadSentencePiece(file);
}

// The vocabulary file of a model directory.
Result<fs::path> FindVocabulary(const fs::path& directory) {
  for (const std::string_view name : {"tokenizer.json", "tokenizer.model", "tekken.json", "tiktoken.model",
                                      "spiece.model", "sentencepiece.bpe.model", "vocab.json"})
    if (Exists(directory / name)) return directory / name;
  std::vector<fs::path> others;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".tiktoken") || name.ends_with(".gguf") || name.starts_with("tokenizer.model."))
      others.push_back(entry.path());
  }
  if (others.empty())
    return Fail(ErrorCode::kMissing, fmt::format("{}: there is no vocabulary", directory.string()),
                "a tokenizer.json, tokenizer.model, tekken.json, vocab.json with merges.txt, *.tiktoken or "
                "*.gguf is needed");
  return *std::min_element(others.begin(), others.end());
}

// What stands beside the vocabulary file.
Status ApplyNeighbours(const fs::path& directory, PipelineParts& parts) {
  const auto in_file = [](const fs::path& path, const Status& status) -> Status {
    if (status) return {};
    return Fail(status.error().code, fmt::format("{}: {}", path.string(), status.error().message),
                status.error().hint);
  };
  const fs::path config_path = directory / "tokenizer_config.json";
  SLUICE_TRY(const json config, ReadOptionalJson(config_path));
  if (!config.is_null()) SLUICE_CHECK_OK(in_file(config_path, ApplyTokenizerConfig(config, parts)));
  if (const fs::path path = directory / "chat_template.jinja"; Exists(path)) {
    SLUICE_TRY(const MappedFile file, MappedFile::Open(path.string()));
    parts.chat_template = file.text();
  }
  bool named = false;
  for (const std::string_view name : {"generation_config.json", "config.json"}) {
    if (named) break;
    SLUICE_TRY(const json settings, ReadOptionalJson(directory / name));
    named = ApplyEndTokens(settings, parts);
  }
  GuessBosAndEos(parts);
  if (!named) AddKnownEndTokens(parts);
  return {};
}

TokenizerResult LoadPath(const fs::path& path, const LoadOptions& options) {
  std::error_code error;
  fs::path file = path;
  if (fs::is_directory(path, error)) {
    SLUICE_TRY(file, FindVocabulary(path));
  }
  SLUICE_TRY(PipelineParts parts, LoadFile(file, options));
  if (file.extension() != ".gguf") SLUICE_CHECK_OK(ApplyNeighbours(file.parent_path(), parts));
  return Finish(std::move(parts));
}

}  // namespace

TokenizerResult LoadTokenizer(const std::string& path, const LoadOptions& options) {
  return LoadPath(path, options);
}

TokenizerResult LoadTokenizer(const formats::Checkpoint& checkpoint) {
  if (checkpoint.kind == formats::Checkpoint::Kind::kGguf)
    return Finish(LoadGguf(checkpoint.gguf, checkpoint.path));
  return LoadPath(checkpoint.path, {});
}

}  // namespace sluice::tokenizer
