#include "convert/to_gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <span>
#include <vector>

#include "base/thread_team.h"
#include "convert/mix.h"
#include "convert/model_metadata.h"
#include "convert/tensor_list.h"
#include "convert/vocabulary.h"
#include "convert/weight_rows.h"
#include "formats/checkpoint.h"
#include "formats/gguf_writer.h"
#include "kernels/blocks.h"
#include "model/family.h"

namespace sluice::convert {
namespace {

constexpr int64_t kChunkElements = 4 << 20;  // encoded together, then written

Status CheckEncodable(const std::vector<OutputTensor>& tensors) {
  for (const OutputTensor& t : tensors) {
    if (kernels::CanEncode(t.dtype)) continue;
    return Fail(ErrorCode::kUsage,
                fmt::format("{} would be {}, which can be read but not made here", t.name, Name(t.dtype)),
                "choose a mix of Q, IQ4, TQ or MXFP4 types");
  }
  return {};
}

// Encodes rows [first, first + count) of a tensor with every thread.
void EncodeRows(const WeightRows& rows, const OutputTensor& tensor, int64_t first, int64_t count,
                ThreadTeam& team, std::byte* out) {
  const int64_t row_bytes = *RowBytes(tensor.dtype, tensor.cols());
  std::atomic<int64_t> next{0};
  auto work = [&](int) {
    std::vector<float> row(static_cast<size_t>(tensor.cols()));
    for (int64_t r = next++; r < count; r = next++) {
      rows.ReadRow(first + r, row.data());
      kernels::EncodeRow(tensor.dtype, row.data(), tensor.cols(), out + r * row_bytes);
    }
  };
  team.Run(work);
}

class Conversion {
 public:
  Conversion(const ToGgufOptions& options, const formats::Checkpoint& checkpoint)
      : options_(options),
        checkpoint_(checkpoint),
        team_(options.threads > 0 ? options.threads : static_cast<int>(PhysicalCpus().size()),
              /*pin=*/false) {}

  Result<ToGgufReport> Run() {
    SLUICE_TRY(const TypeMix mix, ParseTypeMix(options_.types));
    SLUICE_TRY(described_, model::Describe(checkpoint_));
    SLUICE_TRY(weights_, model::ResolveWeights(checkpoint_, described_));
    const model::Described wanted{described_.family, GgufForm(described_.desc)};
    SLUICE_TRY(tensors_, ListTensors(wanted, mix));
    SLUICE_CHECK_OK(CheckEncodable(tensors_));
    SLUICE_TRY(GgufModel model, DescribeForGguf(wanted, mix, tensors_, ModelName()));
    SLUICE_CHECK_OK(AddVocabulary(checkpoint_, described_.desc.vocab, model.metadata));
    target_ = std::move(model.desc);
    SLUICE_CHECK_OK(model.metadata.AddTo(writer_));
    for (const OutputTensor& t : tensors_) SLUICE_CHECK_OK(writer_.AddTensor(t.name, t.dtype, t.shape));
    SLUICE_CHECK_OK(writer_.Open(options_.output));
    for (const OutputTensor& t : tensors_) SLUICE_CHECK_OK(WriteTensor(t));
    SLUICE_CHECK_OK(writer_.Finish());
    return ToGgufReport{.bytes = writer_.FileSize(), .tensors = static_cast<int64_t>(tensors_.size())};
  }

 private:
  std::string ModelName() const {
    if (!options_.name.empty()) return options_.name;
    const auto path = std::filesystem::path(options_.input).lexically_normal();
    return (path.has_filename() ? path : path.parent_path()).filename().string();
  }

  Status WriteTensor(const OutputTensor& tensor) {
    SLUICE_TRY(const WeightRows rows, WeightRows::Open(tensor, weights_, described_.desc, target_));
    const int64_t row_bytes = *RowBytes(tensor.dtype, tensor.cols());
    const int64_t step = std::max<int64_t>(1, kChunkElements / tensor.cols());
    for (int64_t first = 0; first < tensor.rows(); first += step) {
      const int64_t count = std::min(step, tensor.rows() - first);
      chunk_.resize(static_cast<size_t>(count * row_bytes));
      EncodeRows(rows, tensor, first, count, team_, chunk_.data());
      SLUICE_CHECK_OK(writer_.Write(tensor.name, chunk_));
      written_ += chunk_.size();
      if (options_.progress) options_.progress(written_, writer_.FileSize());
    }
    return {};
  }

  const ToGgufOptions& options_;
  const formats::Checkpoint& checkpoint_;
  ThreadTeam team_;
  model::Described described_;
  model::Desc target_;
  model::WeightMap weights_;
  std::vector<OutputTensor> tensors_;
  formats::GgufWriter writer_;
  std::vector<std::byte> chunk_;
  uint64_t written_ = 0;
};

}  // namespace

Result<ToGgufReport> ConvertToGguf(const ToGgufOptions& options) {
  SLUICE_TRY(const formats::Checkpoint checkpoint, formats::OpenCheckpoint(options.input));
  if (checkpoint.kind != formats::Checkpoint::Kind::kHuggingFace)
    return Fail(ErrorCode::kUsage, fmt::format("{} is GGUF already", options.input),
                "give the directory with config.json and the safetensors files");
  return Conversion(options, checkpoint).Run();
}

}  // namespace sluice::convert
