#include "formats/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <map>

#include "formats/directory.h"
#include "formats/file_error.h"
#include "formats/open_gguf.h"
#include "formats/open_huggingface.h"
#include "formats/split_name.h"

namespace sluice::formats {
namespace {

namespace fs = std::filesystem;

// The GGUF sets of a directory: the name of a set's first file -> the path of one of its files.
Result<std::map<std::string, std::string>> GgufSets(const std::string& directory) {
  SLUICE_TRY(const auto names, ListDirectory(directory));
  std::map<std::string, std::string> sets;
  for (const std::string& name : names) {
    if (!name.ends_with(".gguf")) continue;
    const auto split = ParseSplitName(name);
    sets.emplace(split ? split->Part(1) : name, (fs::path(directory) / name).string());
  }
  return sets;
}

Result<Checkpoint> OpenDirectory(const std::string& directory) {
  SLUICE_TRY(const auto sets, GgufSets(directory));
  std::error_code ignored;
  const fs::path base(directory);
  const bool has_config = fs::exists(base / "config.json", ignored);
  const bool has_safetensors = fs::exists(base / "model.safetensors", ignored) ||
                               fs::exists(base / "model.safetensors.index.json", ignored);
  if (has_config && (has_safetensors || sets.empty())) return OpenHuggingFace(directory);
  if (sets.empty())
    return Fail(ErrorCode::kMissing, fmt::format("{}: has neither config.json nor a .gguf file", directory),
                "give a .gguf file, or a Hugging Face directory with config.json and model.safetensors");
  if (sets.size() > 1) {
    std::vector<std::string> names;
    for (const auto& [name, path] : sets) names.push_back(Printable(name));
    return Fail(ErrorCode::kUsage,
                fmt::format("{}: has {} GGUF models: {}", directory, sets.size(), fmt::join(names, ", ")),
                "give the path of one of them");
  }
  SLUICE_TRY(Checkpoint checkpoint, OpenGguf(sets.begin()->second));
  checkpoint.path = directory;
  return checkpoint;
}

}  // namespace

Result<Checkpoint> OpenCheckpoint(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return OpenDirectory(path);
  if (path.ends_with(".safetensors") || path.ends_with("config.json"))
    return Fail(ErrorCode::kUsage, fmt::format("{}: is one file of a model directory", path),
                "give the directory");
  return OpenGguf(path);
}

}  // namespace sluice::formats
