#include "convert/to_gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "convert/mix.h"
#include "convert/model_metadata.h"
#include "convert/retype_gguf.h"
#include "convert/row_writer.h"
#include "convert/tensor_list.h"
#include "convert/vocabulary.h"
#include "convert/weight_rows.h"
#include "formats/checkpoint.h"
#include "formats/gguf_writer.h"
#include "kernels/blocks.h"
#include "model/family.h"

namespace sluice::convert {
namespace {

Status CheckEncodable(const std::vector<OutputTensor>& tensors) {
  for (const OutputTensor& t : tensors) {
    if (kernels::CanEncode(t.dtype)) continue;
    return Fail(ErrorCode::kUsage,
                fmt::format("{} would be {}, which can be read but not made here", t.name, Name(t.dtype)),
                "choose a mix of Q, IQ4, TQ or MXFP4 types");
  }
  return {};
}

// The type of each tensor by a recipe; what it keeps is kept where GGUF has such a type.
Status ApplyRecipe(const Recipe& recipe, const model::WeightMap& weights,
                   std::vector<OutputTensor>* tensors) {
  for (OutputTensor& t : *tensors) {
    const std::optional<DType> wanted = recipe.TypeOf(ClassOf(t.need));
    const model::WeightView* view =
        weights.Find(t.need.canonical, t.need.layer, t.need.experts > 0 ? 0 : model::WeightMap::kNone);
    const DType kept = view && kernels::CanEncode(view->dtype) ? view->dtype : DType::kBF16;
    t.dtype = t.need.floats ? DType::kF32 : FittingType(wanted.value_or(kept), t.cols());
  }
  return {};
}

// What general.file_type says of a recipe: the type of most of its bytes.
Result<TypeMix> MixOf(const std::vector<OutputTensor>& tensors) {
  const OutputTensor* largest = nullptr;
  for (const OutputTensor& t : tensors)
    if (!largest || t.rows() * t.cols() > largest->rows() * largest->cols()) largest = &t;
  return ParseTypeMix(largest ? Name(largest->dtype) : "F32");
}

class Conversion {
 public:
  Conversion(const ToGgufOptions& options, const formats::Checkpoint& checkpoint,
             const Importance* importance = nullptr, std::function<bool()> interrupted = {})
      : options_(options),
        checkpoint_(checkpoint),
        importance_(importance),
        rows_(writer_, options.threads, options.progress, std::move(interrupted)) {}

  // With the types of `recipe`, or if there is none of options.types.
  Result<PackReport> Run(const Recipe* recipe) {
    SLUICE_TRY(TypeMix mix, ParseTypeMix(options_.types));
    SLUICE_TRY(described_, model::Describe(checkpoint_));
    SLUICE_TRY(weights_, model::ResolveWeights(checkpoint_, described_));
    const model::Described wanted{described_.family, GgufForm(described_.desc)};
    SLUICE_TRY(tensors_, ListTensors(wanted, mix));
    if (recipe) {
      SLUICE_CHECK_OK(ApplyRecipe(*recipe, weights_, &tensors_));
      SLUICE_TRY(mix, MixOf(tensors_));
    }
    SLUICE_CHECK_OK(CheckEncodable(tensors_));
    SLUICE_TRY(GgufModel model, DescribeForGguf(wanted, mix, tensors_, ModelName()));
    SLUICE_CHECK_OK(AddVocabulary(checkpoint_, described_.desc.vocab, model.metadata));
    target_ = std::move(model.desc);
    SLUICE_CHECK_OK(model.metadata.AddTo(writer_));
    for (const OutputTensor& t : tensors_) SLUICE_CHECK_OK(writer_.AddTensor(t.name, t.dtype, t.shape));
    SLUICE_CHECK_OK(writer_.Open(options_.output));
    for (const OutputTensor& t : tensors_) {
      const Status written = WriteTensor(t);
      if (rows_.interrupted()) return PackReport{.interrupted = true};
      SLUICE_CHECK_OK(written);
    }
    SLUICE_CHECK_OK(writer_.Finish());
    PackReport report{.file_bytes = writer_.FileSize(), .tensors = static_cast<int64_t>(tensors_.size())};
    for (const OutputTensor& t : tensors_)
      report.Count(ClassOf(t.need), t.rows() * t.cols(), *RowBytes(t.dtype, t.cols()) * t.rows());
    return report;
  }

 private:
  std::string ModelName() const {
    if (!options_.name.empty()) return options_.name;
    const auto path = std::filesystem::path(options_.input).lexically_normal();
    return (path.has_filename() ? path : path.parent_path()).filename().string();
  }

  Status WriteTensor(const OutputTensor& tensor) {
    SLUICE_TRY(const WeightRows rows, WeightRows::Open(tensor, weights_, described_.desc, target_));
    std::vector<float> moved;  // importance in the order of the columns written
    if (const float* own =
            importance_ && rows.moves_columns() ? importance_->Find(tensor.need, -1) : nullptr) {
      moved.resize(static_cast<size_t>(tensor.cols()));
      rows.MoveColumns(own, moved.data());
    }
    return rows_.Write(
        tensor.name, tensor.dtype, tensor.rows(), tensor.cols(),
        [&](int64_t r, float* out) { rows.ReadRow(r, out); },
        [&](int64_t r) -> const float* {
          const int expert = tensor.need.experts > 0 ? static_cast<int>(r / tensor.need.rows) : -1;
          if (!moved.empty()) return moved.data();
          return importance_ ? importance_->Find(tensor.need, expert) : nullptr;
        });
  }

  const ToGgufOptions& options_;
  const formats::Checkpoint& checkpoint_;
  const Importance* importance_;
  model::Described described_;
  model::Desc target_;
  model::WeightMap weights_;
  std::vector<OutputTensor> tensors_;
  formats::GgufWriter writer_;
  RowWriter rows_;
};

}  // namespace

Result<ToGgufReport> ConvertToGguf(const ToGgufOptions& options) {
  SLUICE_TRY(const formats::Checkpoint checkpoint, formats::OpenCheckpoint(options.input));
  if (checkpoint.kind != formats::Checkpoint::Kind::kHuggingFace)
    return Fail(ErrorCode::kUsage, fmt::format("{} is GGUF already", options.input),
                "give the directory with config.json and the safetensors files");
  SLUICE_TRY(const PackReport report, Conversion(options, checkpoint).Run(nullptr));
  return ToGgufReport{.bytes = report.file_bytes, .tensors = report.tensors};
}

Result<PackReport> PackToGguf(const formats::Checkpoint& checkpoint, const PackOptions& options) {
  if (!checkpoint.packed.empty())
    return Fail(ErrorCode::kUsage, fmt::format("{} is packed already", checkpoint.path),
                "give the model that it was packed from");
  if (checkpoint.kind == formats::Checkpoint::Kind::kGguf) return RetypeGguf(checkpoint, options);
  const ToGgufOptions conversion{.input = checkpoint.path,
                                 .output = options.output,
                                 .types = "F32",
                                 .threads = options.threads,
                                 .progress = options.progress};
  return Conversion(conversion, checkpoint, options.importance, options.interrupted).Run(&options.recipe);
}

}  // namespace sluice::convert
