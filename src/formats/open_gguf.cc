#include "formats/open_gguf.h"

#include <fmt/format.h>

#include "formats/file_error.h"
#include "formats/split_name.h"

namespace sluice::formats {
namespace {

constexpr std::string_view kSplitHint =
    "all parts of a split model must lie in one directory under their original names";

// Parts that this file says it belongs to; 1 if it says nothing.
Result<int64_t> SplitCount(const MappedFile& file, const GgufFile& parsed) {
  if (parsed.metadata.Find("split.count") == nullptr) return 1;
  const auto count = parsed.metadata.Int("split.count");
  if (!count || *count < 0 || *count > 99999)
    return Fail(FileError(file, 0, "metadata split.count", "is not a number from 0 to 99999"));
  return std::max<int64_t>(*count, 1);
}

Status AddTensors(Checkpoint* checkpoint, GgufFile parsed, const MappedFile& file) {
  for (Tensor& tensor : parsed.tensors) {
    const Tensor* other = checkpoint->tensors.Find(tensor.name);
    if (other != nullptr)
      return Fail(FileError(file, tensor.offset, fmt::format("tensor {}", Printable(tensor.name)),
                            fmt::format("is also in {}", checkpoint->files[other->file].path()),
                            std::string(kSplitHint)));
    SLUICE_CHECK_OK(checkpoint->tensors.Add(std::move(tensor)));
  }
  return {};
}

Result<Checkpoint> Single(MappedFile file, GgufFile parsed) {
  Checkpoint checkpoint;
  checkpoint.kind = Checkpoint::Kind::kGguf;
  checkpoint.path = file.path();
  checkpoint.gguf = std::move(parsed.metadata);
  SLUICE_CHECK_OK(AddTensors(&checkpoint, std::move(parsed), file));
  checkpoint.files.push_back(std::move(file));
  if (IsPacked(checkpoint.gguf)) SLUICE_CHECK_OK(OpenPacked(&checkpoint));
  return checkpoint;
}

// Part `number` must say that it is that part of the same set as the first one.
Status CheckPart(const MappedFile& file, const GgufMetadata& part, const GgufMetadata& first, int number,
                 int count) {
  const auto mixed = [&](std::string_view key, std::string_view what) {
    return Fail(FileError(file, 0, fmt::format("metadata {}", key), what,
                          fmt::format("the parts of several models seem mixed up; {}", kSplitHint)));
  };
  const auto shown = [](std::optional<int64_t> value) {
    return value ? fmt::format("{}", *value) : std::string("missing");
  };
  const auto no = part.Int("split.no");
  if (no != number - 1)
    return mixed("split.no", fmt::format("is {}, by its name this is part {} with number {}", shown(no),
                                         number, number - 1));
  const auto said_count = part.Int("split.count");
  if (said_count != count)
    return mixed("split.count", fmt::format("is {}, the set has {} parts", shown(said_count), count));
  const auto total = part.Int("split.tensors.count"), first_total = first.Int("split.tensors.count");
  if (total != first_total)
    return mixed("split.tensors.count",
                 fmt::format("is {}, in the first part it is {}", shown(total), shown(first_total)));
  const auto arch = part.String("general.architecture"), first_arch = first.String("general.architecture");
  if (arch && first_arch && *arch != *first_arch)
    return mixed("general.architecture",
                 fmt::format("is {}, in the first part it is {}", Printable(*arch), Printable(*first_arch)));
  return {};
}

Result<Checkpoint> Set(const SplitName& name) {
  Checkpoint checkpoint;
  checkpoint.kind = Checkpoint::Kind::kGguf;
  for (int number = 1; number <= name.count; ++number) {
    auto file = MappedFile::Open(name.Part(number));
    if (!file) {
      Error error = std::move(file).error();
      error.message = fmt::format("part {} of {} of a split model: {}", number, name.count, error.message);
      error.hint = kSplitHint;
      return Fail(std::move(error));
    }
    SLUICE_TRY(GgufFile parsed, ParseGguf(*file, static_cast<uint32_t>(number - 1)));
    if (number == 1) checkpoint.gguf = parsed.metadata;
    SLUICE_CHECK_OK(CheckPart(*file, parsed.metadata, checkpoint.gguf, number, name.count));
    SLUICE_CHECK_OK(AddTensors(&checkpoint, std::move(parsed), *file));
    checkpoint.files.push_back(std::move(*file));
  }
  const auto total = checkpoint.gguf.Int("split.tensors.count");
  const int64_t found = static_cast<int64_t>(checkpoint.tensors.tensors().size());
  if (total && *total != found)
    return Fail(FileError(checkpoint.files[0], 0, "metadata split.tensors.count",
                          fmt::format("is {}, the {} parts hold {} tensors", *total, name.count, found),
                          std::string(kSplitHint)));
  return checkpoint;
}

}  // namespace

Result<Checkpoint> OpenGguf(const std::string& path) {
  SLUICE_TRY(MappedFile file, MappedFile::Open(path));
  SLUICE_TRY(GgufFile parsed, ParseGguf(file));
  SLUICE_TRY(const int64_t count, SplitCount(file, parsed));
  if (count == 1) return Single(std::move(file), std::move(parsed));
  const auto name = ParseSplitName(path);
  if (!name || name->count != count)
    return Fail(
        FileError(file, 0, "metadata split.count",
                  fmt::format("is {}, but the name does not end in -0000N-of-{:05}.gguf", count, count),
                  "give the parts their original names back"));
  SLUICE_TRY(Checkpoint checkpoint, Set(*name));
  checkpoint.path = path;
  return checkpoint;
}

Result<Checkpoint> OpenGgufCheckpoint(MappedFile file) {
  SLUICE_TRY(GgufFile parsed, ParseGguf(file));
  SLUICE_TRY(const int64_t count, SplitCount(file, parsed));
  if (count != 1)
    return Fail(FileError(file, 0, "metadata split.count", fmt::format("this is one of {} parts", count),
                          "open the set by its path"));
  return Single(std::move(file), std::move(parsed));
}

}  // namespace sluice::formats
