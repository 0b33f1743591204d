#include "formats/packed_container.h"

#include <fmt/format.h>

#include <utility>

#include "formats/checkpoint.h"
#include "formats/file_error.h"
#include "formats/json.h"

namespace sluice::formats {
namespace {

constexpr const char* kPackAgain = "pack the original model again: sluice pack ORIGINAL OUT";

class Opener {
 public:
  explicit Opener(Checkpoint* checkpoint) : checkpoint_(*checkpoint), file_(checkpoint->files.front()) {}

  Status Run() {
    SLUICE_CHECK_OK(CheckLayout());
    SLUICE_CHECK_OK(SortTensors());
    SLUICE_TRY(TensorIndex source, SourceTensors());
    checkpoint_.tensors = std::move(source);
    checkpoint_.side_files = ModelFiles::Carried(std::move(carried_), checkpoint_.path);
    const auto described = checkpoint_.gguf.String(kPackedSourceKey);
    if (described == kPackedFromGguf) return {};
    if (described != kPackedFromHuggingFace)
      return Bad(kPackedSourceKey, "is neither \"gguf\" nor \"huggingface\"");
    checkpoint_.kind = Checkpoint::Kind::kHuggingFace;
    SLUICE_TRY(checkpoint_.config, CarriedObject("config.json"));
    if (checkpoint_.side_files.Has("generation_config.json")) {
      SLUICE_TRY(checkpoint_.generation_config, CarriedObject("generation_config.json"));
    }
    return {};
  }

 private:
  tl::unexpected<Error> Bad(std::string_view key, std::string_view what) const {
    uint64_t offset = 0;
    for (const GgufMetadata::Entry& entry : checkpoint_.gguf.entries())
      if (entry.key == key) offset = entry.offset;
    return Fail(FileError(file_, offset, fmt::format("metadata {}", key), what, kPackAgain));
  }

  Status CheckLayout() const {
    const auto layout = checkpoint_.gguf.Int(kPackedLayoutKey);
    if (!layout) return Bad(kPackedLayoutKey, "is not a number");
    if (*layout != kPackedLayout)
      return Bad(kPackedLayoutKey,
                 fmt::format("is {}, this program knows packed layout {}", *layout, kPackedLayout));
    return {};
  }

  Status SortTensors() {
    const auto* types = checkpoint_.gguf.Strings(kPackedTypesKey);
    const auto tensors = checkpoint_.tensors.tensors();
    if (!types || types->size() != tensors.size())
      return Bad(kPackedTypesKey,
                 fmt::format("has {} entries for {} tensors", types ? types->size() : 0, tensors.size()));
    for (size_t i = 0; i < tensors.size(); ++i) {
      const Tensor& tensor = tensors[i];
      if (tensor.dtype != DType::kI8)
        return Fail(FileError(file_, tensor.offset, fmt::format("tensor {}", Printable(tensor.name)),
                              fmt::format("holds {}, packed weights are I8", Name(tensor.dtype)),
                              kPackAgain));
      if (tensor.offset % kPackedAlignment != 0)
        return Fail(FileError(file_, tensor.offset, fmt::format("tensor {}", Printable(tensor.name)),
                              fmt::format("does not start on a multiple of {} bytes", kPackedAlignment),
                              kPackAgain));
      SLUICE_CHECK_OK(Sort(tensor, (*types)[i]));
    }
    return {};
  }

  Status Sort(const Tensor& tensor, std::string_view types) {
    if (types == kCarriedType) {
      std::string name = tensor.name;
      if (name.starts_with(kCarriedPrefix)) name.erase(0, kCarriedPrefix.size());
      carried_[name] = file_.Part(tensor.offset, tensor.size, fmt::format("{}: {}", file_.path(), name));
      return {};
    }
    PackedTensor packed{.bytes = tensor, .matrices = {}};
    while (!types.empty()) {
      const size_t end = std::min(types.find(' '), types.size());
      std::string_view name = types.substr(0, end);
      const bool published = name.ends_with(kPublishedMark);
      if (published) name.remove_suffix(kPublishedMark.size());
      const auto type = DTypeFromName(name);
      if (!type)
        return Bad(kPackedTypesKey, fmt::format("names \"{}\" for tensor {}, which is no type",
                                                Printable(name), Printable(tensor.name)));
      packed.matrices.push_back({*type, published});
      types.remove_prefix(std::min(end + 1, types.size()));
    }
    checkpoint_.packed.emplace(tensor.name, std::move(packed));
    return {};
  }

  Result<TensorIndex> SourceTensors() const {
    const auto* names = checkpoint_.gguf.Strings(kPackedNamesKey);
    const auto shapes = checkpoint_.gguf.Ints(kPackedShapesKey);
    if (!names || !shapes) return Bad(names ? kPackedShapesKey : kPackedNamesKey, "is missing");
    TensorIndex index;
    size_t at = 0;
    for (std::string_view name : *names) {
      const int64_t dims = at < shapes->size() ? (*shapes)[at] : -1;
      if (dims < 0 || static_cast<uint64_t>(dims) > shapes->size() - at - 1)
        return Bad(kPackedShapesKey, fmt::format("ends within the shape of {}", Printable(name)));
      const auto first = shapes->begin() + static_cast<int64_t>(at) + 1;
      SLUICE_CHECK_OK(
          index.Add({.name = std::string(name), .dtype = DType::kI8, .shape = {first, first + dims}}));
      at += static_cast<size_t>(dims) + 1;
    }
    return index;
  }

  Result<nlohmann::json> CarriedObject(const char* name) const {
    SLUICE_TRY(const MappedFile file, checkpoint_.side_files.Open(name));
    SLUICE_TRY(nlohmann::json value, ParseJson(file));
    if (!value.is_object()) return Fail(FileError(file, 0, "JSON", "is not an object"));
    return value;
  }

  Checkpoint& checkpoint_;
  const MappedFile file_;
  std::map<std::string, MappedFile> carried_;
};

}  // namespace

bool IsPacked(const GgufMetadata& metadata) { return metadata.Find(kPackedLayoutKey) != nullptr; }

Status OpenPacked(Checkpoint* checkpoint) { return Opener(checkpoint).Run(); }

}  // namespace sluice::formats
