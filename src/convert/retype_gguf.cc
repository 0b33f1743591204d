#include "convert/retype_gguf.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include "convert/mix.h"
#include "convert/row_writer.h"
#include "formats/gguf_writer.h"
#include "kernels/blocks.h"
#include "model/family.h"
#include "model/weight_needs.h"

namespace sluice::convert {
namespace {

using formats::Tensor;
using model::WeightMap;
using model::WeightNeed;

// What a tensor holds. Where it holds several weights they are of one class and read the same inputs.
struct Holds {
  WeightNeed need;
  int expert = -1;  // >= 0: of this expert alone
};

class Retyping {
 public:
  Retyping(const formats::Checkpoint& checkpoint, const PackOptions& options)
      : checkpoint_(checkpoint),
        options_(options),
        rows_(writer_, options.threads, options.progress, options.interrupted) {}

  Result<PackReport> Run() {
    SLUICE_CHECK_OK(FindOut());
    for (const formats::GgufMetadata::Entry& entry : checkpoint_.gguf.entries())
      if (!entry.key.starts_with("split.") && entry.key != "general.quantization_version")
        SLUICE_CHECK_OK(writer_.AddCopy(entry));
    SLUICE_CHECK_OK(writer_.Add("general.quantization_version", uint32_t{2}));
    PackReport report;
    for (const Tensor& t : checkpoint_.tensors.tensors()) {
      const DType type = TypeOf(t);
      SLUICE_CHECK_OK(writer_.AddTensor(t.name, type, t.shape));
      const auto holds = holds_.find(t.name);
      if (holds != holds_.end())
        report.Count(ClassOf(holds->second.need), t.elements(),
                     *RowBytes(type, t.shape.back()) * (t.elements() / t.shape.back()));
    }
    SLUICE_CHECK_OK(writer_.Open(options_.output));
    for (const Tensor& t : checkpoint_.tensors.tensors()) {
      const Status written = WriteTensor(t);
      if (rows_.interrupted()) return PackReport{.interrupted = true};
      SLUICE_CHECK_OK(written);
    }
    SLUICE_CHECK_OK(writer_.Finish());
    report.file_bytes = writer_.FileSize();
    report.tensors = static_cast<int64_t>(checkpoint_.tensors.tensors().size());
    return report;
  }

 private:
  Status FindOut() {
    SLUICE_TRY(const model::Described described, model::Describe(checkpoint_));
    SLUICE_TRY(const WeightMap weights, model::ResolveWeights(checkpoint_, described));
    for (const auto form : {model::LatentForm::kSplit, model::LatentForm::kJoined})
      for (const WeightNeed& need : model::WeightNeeds(described.desc, form)) Hold(need, weights);
    return {};
  }

  void Hold(const WeightNeed& need, const WeightMap& weights) {
    for (int e = 0; e < std::max(need.experts, 1); ++e) {
      const auto* view = weights.Find(need.canonical, need.layer, need.experts > 0 ? e : WeightMap::kNone);
      if (!view) return;
      const Tensor* tensor = checkpoint_.tensors.Find(view->name);
      const bool stacked = !tensor || tensor->shape.size() > 2 || need.experts == 0;
      holds_.try_emplace(view->name, Holds{need, stacked ? -1 : e});
    }
  }

  DType TypeOf(const Tensor& t) const {
    const auto holds = holds_.find(t.name);
    if (holds == holds_.end()) return t.dtype;
    const WeightClass c = ClassOf(holds->second.need);
    const std::optional<DType> wanted = options_.recipe.TypeOf(c);
    if (options_.recipe.keeps_all() || !wanted) return t.dtype;
    return FittingType(*wanted, t.shape.back());
  }

  Status WriteTensor(const Tensor& t) {
    const DType type = TypeOf(t);
    const std::span<const std::byte> bytes = checkpoint_.Bytes(t);
    if (type == t.dtype) return rows_.WriteBytes(t.name, bytes);
    const int64_t cols = t.shape.back(), rows = t.elements() / cols, row_bytes = *RowBytes(t.dtype, cols);
    const Holds& holds = holds_.at(t.name);
    const int64_t of_expert = std::max<int64_t>(1, rows / std::max(holds.need.experts, 1));
    const auto read = [&](int64_t r, float* out) {
      kernels::DecodeRow(t.dtype, bytes.data() + r * row_bytes, cols, out);
    };
    const auto importance = [&](int64_t r) -> const float* {
      if (!options_.importance) return nullptr;
      const bool stacked = holds.need.experts > 0 && holds.expert < 0;
      return options_.importance->Find(holds.need, stacked ? static_cast<int>(r / of_expert) : holds.expert);
    };
    return rows_.Write(t.name, type, rows, cols, read, importance);
  }

  const formats::Checkpoint& checkpoint_;
  const PackOptions& options_;
  std::map<std::string, Holds, std::less<>> holds_;
  formats::GgufWriter writer_;
  RowWriter rows_;
};

}  // namespace

Result<PackReport> RetypeGguf(const formats::Checkpoint& checkpoint, const PackOptions& options) {
  return Retyping(checkpoint, options).Run();
}

}  // namespace sluice::convert
