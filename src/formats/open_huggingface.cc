#include "formats/open_huggingface.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>

#include "formats/directory.h"
#include "formats/file_error.h"
#include "formats/json.h"
#include "formats/safetensors.h"

namespace sluice::formats {
namespace {

using nlohmann::json;

constexpr std::string_view kSingleName = "model.safetensors";
constexpr std::string_view kIndexName = "model.safetensors.index.json";
constexpr std::string_view kShardHint = "download the directory again, with all files of one revision";

std::string Join(const std::string& directory, std::string_view name) {
  return (std::filesystem::path(directory) / name).string();
}

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

Result<json> ReadObject(const std::string& path) {
  SLUICE_TRY(const MappedFile file, MappedFile::Open(path));
  SLUICE_TRY(json value, ParseJson(file));
  if (!value.is_object()) return Fail(FileError(file, 0, "JSON", "is not an object"));
  return value;
}

// A shard is named by its plain file name. Anything that could lead out of the directory is refused unopened.
bool IsPlainShardName(std::string_view name) {
  constexpr std::string_view kEnd = ".safetensors";
  return name.size() > kEnd.size() && name.ends_with(kEnd) &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

struct Index {
  MappedFile file;
  json json_value;                         // keeps the names alive
  std::map<std::string, uint32_t> shards;  // file name -> number, in the order of the names

  const json& weight_map() const { return json_value["weight_map"]; }
};

Result<Index> ReadIndex(const std::string& path) {
  Index index;
  SLUICE_TRY(index.file, MappedFile::Open(path));
  SLUICE_TRY(index.json_value, ParseJson(index.file));
  const auto bad = [&](std::string_view field, std::string_view what) {
    return Fail(FileError(index.file, 0, field, what, std::string(kShardHint)));
  };
  if (!index.json_value.is_object() || !index.json_value.contains("weight_map") ||
      !index.weight_map().is_object())
    return bad("weight_map", "is missing or not an object");
  for (const auto& [tensor, shard] : index.weight_map().items()) {
    const std::string field = fmt::format("weight_map {}", Printable(tensor));
    if (!shard.is_string()) return bad(field, "is not a file name");
    const auto& name = shard.get_ref<const std::string&>();
    if (!IsPlainShardName(name))
      return bad(field, fmt::format("\"{}\" is not the plain name of a .safetensors file; it is not opened",
                                    Printable(name)));
    index.shards.emplace(name, 0);
  }
  if (index.shards.empty()) return bad("weight_map", "is empty");
  uint32_t number = 0;
  for (auto& [name, shard_number] : index.shards) shard_number = number++;
  return index;
}

Status AddShard(Checkpoint* checkpoint, const Index& index, const std::string& name, const MappedFile& file) {
  SLUICE_TRY(SafetensorsFile parsed, ParseSafetensors(file, index.shards.at(name)));
  for (Tensor& tensor : parsed.tensors) {
    const auto entry = index.weight_map().find(tensor.name);
    const std::string field = fmt::format("tensor {}", Printable(tensor.name));
    if (entry == index.weight_map().end())
      return Fail(FileError(file, tensor.offset, field, fmt::format("is not in {}", index.file.path()),
                            std::string(kShardHint)));
    if (entry->get_ref<const std::string&>() != name)
      return Fail(FileError(file, tensor.offset, field,
                            fmt::format("belongs into {} by {}",
                                        Printable(entry->get_ref<const std::string&>()), index.file.path()),
                            std::string(kShardHint)));
    SLUICE_CHECK_OK(checkpoint->tensors.Add(std::move(tensor)));
  }
  return {};
}

Status OpenShards(Checkpoint* checkpoint, const std::string& directory) {
  SLUICE_TRY(const Index index, ReadIndex(Join(directory, kIndexName)));
  for (const auto& [name, number] : index.shards) {
    auto file = MappedFile::Open(Join(directory, name));
    if (!file) {
      Error error = std::move(file).error();
      error.message = fmt::format("shard {} of {}: {}", number + 1, index.shards.size(), error.message);
      error.hint = kShardHint;
      return Fail(std::move(error));
    }
    SLUICE_CHECK_OK(AddShard(checkpoint, index, name, *file));
    checkpoint->files.push_back(std::move(*file));
  }
  for (const auto& [tensor, shard] : index.weight_map().items())
    if (checkpoint->tensors.Find(tensor) == nullptr)
      return Fail(FileError(index.file, 0, fmt::format("weight_map {}", Printable(tensor)),
                            fmt::format("is not in {}", Printable(shard.get_ref<const std::string&>())),
                            std::string(kShardHint)));
  return {};
}

Status OpenSingle(Checkpoint* checkpoint, const std::string& path) {
  SLUICE_TRY(MappedFile file, MappedFile::Open(path));
  SLUICE_TRY(SafetensorsFile parsed, ParseSafetensors(file));
  for (Tensor& tensor : parsed.tensors) SLUICE_CHECK_OK(checkpoint->tensors.Add(std::move(tensor)));
  checkpoint->files.push_back(std::move(file));
  return {};
}

// Says what is there instead of weights.
Status NoWeights(const std::string& directory) {
  SLUICE_TRY(const auto names, ListDirectory(directory));
  for (const std::string& file_name : names) {
    const std::string extension = std::filesystem::path(file_name).extension().string();
    const std::string name = Printable(file_name);
    if (extension == ".safetensors")
      return Fail(ErrorCode::kMissing,
                  fmt::format("{}: has {}, but neither {} nor {}", directory, name, kSingleName, kIndexName),
                  std::string(kShardHint));
    if (extension == ".bin" || extension == ".pt" || extension == ".pth" || extension == ".ckpt")
      return Fail(
          ErrorCode::kBadFile,
          fmt::format("{}: the weights are in {}, a Python pickle; a pickle can run code and is never read",
                      directory, name),
          "take a revision with safetensors, or write one: "
          "AutoModelForCausalLM.from_pretrained(dir).save_pretrained(out, safe_serialization=True)");
  }
  return Fail(ErrorCode::kMissing,
              fmt::format("{}: has config.json, but neither {} nor {}", directory, kSingleName, kIndexName),
              std::string(kShardHint));
}

}  // namespace

Result<Checkpoint> OpenHuggingFace(const std::string& directory) {
  Checkpoint checkpoint;
  checkpoint.kind = Checkpoint::Kind::kHuggingFace;
  checkpoint.path = directory;
  checkpoint.side_files = ModelFiles::InDirectory(directory);
  SLUICE_TRY(checkpoint.config, ReadObject(Join(directory, "config.json")));
  if (const std::string path = Join(directory, "generation_config.json"); Exists(path)) {
    SLUICE_TRY(checkpoint.generation_config, ReadObject(path));
  }
  const std::string single = Join(directory, kSingleName);
  if (Exists(single)) {
    SLUICE_CHECK_OK(OpenSingle(&checkpoint, single));
  } else if (Exists(Join(directory, kIndexName))) {
    SLUICE_CHECK_OK(OpenShards(&checkpoint, directory));
  } else {
    SLUICE_CHECK_OK(NoWeights(directory));
  }
  return checkpoint;
}

}  // namespace sluice::formats
