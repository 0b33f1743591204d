#include "model/resolve_packed.h"

#include <fmt/format.h>

#include <set>

#include "formats/file_error.h"
#include "kernels/panel.h"
#include "model/packed_layout.h"

namespace sluice::model {
namespace {

using formats::Checkpoint;
using formats::PackedTensor;
using formats::Printable;

static_assert(formats::kPackedLayout == kernels::kPanelLayout,
              "a new arrangement of panels is a new layout of packed files");

constexpr const char* kHint = "pack the original model again: sluice pack ORIGINAL OUT";

class Resolver {
 public:
  explicit Resolver(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  Result<WeightMap> Run(const Desc& desc) {
    for (const PackedGroup& group : PackedGroups(desc)) SLUICE_CHECK_OK(Add(group));
    for (const auto& [name, tensor] : checkpoint_.packed)
      if (!used_.contains(name)) return Bad(name, "belongs to no part of the model");
    return std::move(map_);
  }

 private:
  tl::unexpected<Error> Bad(std::string_view name, std::string_view what) const {
    return Fail(ErrorCode::kBadFile,
                fmt::format("{}: tensor {}: {}", checkpoint_.path, Printable(name), what), kHint);
  }

  Status CheckTypes(const PackedGroup& group, const PackedTensor& tensor) const {
    if (tensor.matrices.size() != group.needs.size())
      return Bad(group.name, fmt::format("{} types are stated, it holds {} matrices", tensor.matrices.size(),
                                         group.needs.size()));
    for (size_t i = 0; i < group.needs.size(); ++i) {
      const WeightNeed& need = group.needs[i];
      const DType type = tensor.matrices[i].type;
      const kernels::PanelFormat* format = kernels::FindPanelFormat(type);
      const bool fits = group.floats() ? type == DType::kF32 : format && need.cols % format->k_multiple == 0;
      if (!fits)
        return Bad(group.name,
                   fmt::format("{} [{}, {}] cannot be {}", need.canonical, need.rows, need.cols, Name(type)));
      if (i > 0 && i + 1 < group.needs.size() && need.rows != group.needs.front().rows)
        return Bad(group.name, fmt::format("gate has {} rows, up {}", group.needs.front().rows, need.rows));
    }
    return {};
  }

  Status Add(const PackedGroup& group) {
    const auto found = checkpoint_.packed.find(group.name);
    if (found == checkpoint_.packed.end()) return Bad(group.name, "is missing");
    used_.insert(group.name);
    const PackedTensor& tensor = found->second;
    SLUICE_CHECK_OK(CheckTypes(group, tensor));
    std::vector<DType> types;
    for (const PackedTensor::Matrix& matrix : tensor.matrices) types.push_back(matrix.type);
    const PackedGroup::Layout layout = group.LayOut(types);
    const int64_t expected = layout.unit_bytes * group.units();
    if (static_cast<int64_t>(tensor.bytes.size) != expected)
      return Bad(group.name, fmt::format("has {} bytes, expected are {}", tensor.bytes.size, expected));
    const std::byte* data = checkpoint_.Bytes(tensor.bytes).data();
    for (size_t i = 0; i < group.needs.size(); ++i) {
      const WeightNeed& need = group.needs[i];
      for (int unit = 0; unit < group.units(); ++unit)
        map_.Add(need.canonical, need.layer, need.experts > 0 ? unit : WeightMap::kNone,
                 {.name = group.name,
                  .dtype = types[i],
                  .rows = need.rows,
                  .cols = need.cols,
                  .data = data + unit * layout.unit_bytes + layout.places[i].at,
                  .row_stride = group.floats() ? need.cols * static_cast<int64_t>(sizeof(float)) : 0,
                  .panel_stride = layout.places[i].panel_stride,
                  .in_panel_file = true,
                  .published_mxfp4 = tensor.matrices[i].published});
    }
    return {};
  }

  const Checkpoint& checkpoint_;
  std::set<std::string, std::less<>> used_;
  WeightMap map_;
};

}  // namespace

Result<WeightMap> ResolvePacked(const Checkpoint& checkpoint, const Desc& desc) {
  return Resolver(checkpoint).Run(desc);
}

}  // namespace sluice::model
