#include "convert/pack.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "convert/chunk_writer.h"
#include "convert/mix.h"
#include "convert/weight_rows.h"
#include "formats/gguf_writer.h"
#include "kernels/blocks.h"
#include "model/family.h"
#include "model/packed_layout.h"
#include "model/view_rows.h"

namespace sluice::convert {
namespace {

using formats::Checkpoint;
using model::MatrixSource;
using model::PackedGroup;
using model::PanelPart;
using model::PanelRun;
using model::WeightMap;
using model::WeightNeed;
using model::WeightView;

// Small files that describe a model and its vocabulary.
bool IsCarried(const std::string& name) {
  constexpr std::string_view kNames[] = {
      "config.json",
      "generation_config.json",
      "tokenizer.json",
      "tokenizer.model",
      "tekken.json",
      "tiktoken.model",
      "tokenizer_config.json",
      "chat_template.jinja",
      "spiece.model",
      "sentencepiece.bpe.model",
      "vocab.json",
      "merges.txt",
  };
  return std::ranges::find(kNames, name) != std::end(kNames) || name.ends_with(".tiktoken") ||
         name.starts_with("tokenizer.model.");
}

// A weight's views: where the file has latent keys and values joined, the split form decoded.
class Weights {
 public:
  Weights(const WeightMap& map, const model::Desc& desc) : map_(map), desc_(desc) {}

  // Valid until the next call for a weight that has to be made.
  Result<const WeightView*> Find(const WeightNeed& need, int expert) {
    const int which = need.experts > 0 ? expert : WeightMap::kNone;
    if (const WeightView* view = map_.Find(need.canonical, need.layer, which)) return view;
    OutputTensor wanted{.name = need.canonical, .shape = {need.rows, need.cols}, .need = need};
    SLUICE_TRY(const WeightRows rows, WeightRows::Open(wanted, map_, desc_, desc_));
    made_.resize(static_cast<size_t>(need.rows * need.cols));
    for (int64_t r = 0; r < need.rows; ++r) rows.ReadRow(r, made_.data() + r * need.cols);
    made_view_ = {.name = need.canonical,
                  .rows = need.rows,
                  .cols = need.cols,
                  .data = reinterpret_cast<const std::byte*>(made_.data()),
                  .row_stride = need.cols * static_cast<int64_t>(sizeof(float))};
    return &made_view_;
  }

  // The type that a weight keeps where the recipe does not name one.
  Result<DType> NativeType(const WeightNeed& need) const {
    const bool keys_or_values = need.canonical == "attn.k_b" || need.canonical == "attn.v_b";
    if (keys_or_values && !map_.Find(need.canonical, need.layer)) {
      SLUICE_TRY(const WeightView* joined, map_.Get("attn.kv_b", need.layer));
      const bool plain = Info(joined->dtype).block_size == 1 && joined->dtype != DType::kF8E4M3;
      return plain && kernels::FindPanelFormat(joined->dtype) ? joined->dtype : DType::kF16;
    }
    SLUICE_TRY(const WeightView* view,
               map_.Get(need.canonical, need.layer, need.experts > 0 ? 0 : WeightMap::kNone));
    return model::NativeType(MatrixSource::Whole(*view));
  }

  // Whether a weight is carried over from such a form.
  bool IsPublishedMxfp4(const WeightNeed& need, DType packed) const {
    const WeightView* view = map_.Find(need.canonical, need.layer, need.experts > 0 ? 0 : WeightMap::kNone);
    return view && packed == DType::kMXFP4 && view->dtype == packed && view->IsPublishedMxfp4();
  }

 private:
  const WeightMap& map_;
  const model::Desc& desc_;
  std::vector<float> made_;
  WeightView made_view_;
};

class PackedFile {
 public:
  PackedFile(const Checkpoint& checkpoint, const PackOptions& options)
      : checkpoint_(checkpoint),
        options_(options),
        team_(options.threads > 0 ? options.threads : static_cast<int>(PhysicalCpus().size()), /*pin=*/false),
        writer_(formats::kPackedAlignment),
        chunks_(writer_, team_, options.progress, options.interrupted) {}

  Result<PackReport> Write() {
    SLUICE_TRY(const model::Described described, model::Describe(checkpoint_));
    SLUICE_TRY(const WeightMap map, model::ResolveWeights(checkpoint_, described));
    Weights weights(map, described.desc);
    groups_ = model::PackedGroups(described.desc);
    SLUICE_CHECK_OK(Declare(weights));
    SLUICE_CHECK_OK(writer_.Open(options_.output));
    const Status written = WriteAll(weights);
    report_.interrupted = chunks_.interrupted();
    if (report_.interrupted) return report_;
    SLUICE_CHECK_OK(written);
    SLUICE_CHECK_OK(writer_.Finish());
    report_.file_bytes = writer_.FileSize();
    report_.tensors = static_cast<int64_t>(groups_.size());
    return report_;
  }

 private:
  // Which type each matrix gets, and what the file says about itself.
  Status Declare(const Weights& weights) {
    std::vector<std::string> types;
    for (const PackedGroup& group : groups_) {
      std::vector<DType>& chosen = types_.emplace_back();
      for (const WeightNeed& need : group.needs) {
        SLUICE_TRY(const DType type, TypeOf(need, weights));
        chosen.push_back(type);
        const int64_t bytes =
            group.floats() ? need.elements() * 4 : *RowBytes(type, need.cols) * need.rows * group.units();
        report_.Count(ClassOf(need), need.elements(), bytes);
      }
      layouts_.push_back(group.LayOut(chosen));
      SLUICE_CHECK_OK(writer_.AddTensor(group.name, DType::kI8,
                                        std::vector<int64_t>{group.units(), layouts_.back().unit_bytes}));
      std::vector<std::string> names;
      for (size_t i = 0; i < chosen.size(); ++i) {
        names.emplace_back(sluice::Name(chosen[i]));
        if (weights.IsPublishedMxfp4(group.needs[i], chosen[i])) names.back() += formats::kPublishedMark;
      }
      types.push_back(fmt::format("{}", fmt::join(names, " ")));
    }
    SLUICE_CHECK_OK(DeclareCarriedFiles(&types));
    SLUICE_CHECK_OK(DescribeSource());
    SLUICE_CHECK_OK(writer_.Add(formats::kPackedLayoutKey, formats::kPackedLayout));
    SLUICE_CHECK_OK(writer_.Add("sluice.packed.recipe", std::string_view(options_.recipe.name)));
    return writer_.AddArray(formats::kPackedTypesKey, std::span<const std::string>(types));
  }

  Result<DType> TypeOf(const WeightNeed& need, const Weights& weights) const {
    const std::optional<DType> wanted = options_.recipe.TypeOf(ClassOf(need));
    if (wanted) return FittingType(*wanted, need.cols);
    return weights.NativeType(need);
  }

  Status DeclareCarriedFiles(std::vector<std::string>* types) {
    if (checkpoint_.kind != Checkpoint::Kind::kHuggingFace) return {};
    for (const std::string& name : checkpoint_.side_files.Names()) {
      if (!IsCarried(name)) continue;
      SLUICE_TRY(MappedFile file, checkpoint_.side_files.Open(name));
      if (file.bytes().empty()) continue;
      carried_.emplace_back(std::string(formats::kCarriedPrefix) + name, std::move(file));
      SLUICE_CHECK_OK(writer_.AddTensor(
          carried_.back().first, DType::kI8,
          std::vector<int64_t>{static_cast<int64_t>(carried_.back().second.bytes().size())}));
      types->emplace_back(formats::kCarriedType);
    }
    return {};
  }

  // The model's own metadata, and the names by which configurations are recognised.
  Status DescribeSource() {
    const bool gguf = checkpoint_.kind == Checkpoint::Kind::kGguf;
    if (gguf) {
      for (const formats::GgufMetadata::Entry& entry : checkpoint_.gguf.entries())
        if (!entry.key.starts_with("split.")) SLUICE_CHECK_OK(writer_.AddCopy(entry));
    } else {
      const auto type = checkpoint_.config.find("model_type");
      const bool named = type != checkpoint_.config.end() && type->is_string();
      SLUICE_CHECK_OK(writer_.Add("general.architecture",
                                  std::string_view(named ? type->get_ref<const std::string&>() : "unknown")));
      SLUICE_CHECK_OK(writer_.Add("general.type", "model"));
    }
    SLUICE_CHECK_OK(writer_.Add(formats::kPackedSourceKey,
                                gguf ? formats::kPackedFromGguf : formats::kPackedFromHuggingFace));
    std::vector<std::string_view> names;
    std::vector<int64_t> shapes;
    for (const formats::Tensor& tensor : checkpoint_.tensors.tensors()) {
      names.push_back(tensor.name);
      shapes.push_back(static_cast<int64_t>(tensor.shape.size()));
      shapes.insert(shapes.end(), tensor.shape.begin(), tensor.shape.end());
    }
    SLUICE_CHECK_OK(writer_.AddArray(formats::kPackedNamesKey, std::span<const std::string_view>(names)));
    return writer_.AddArray(formats::kPackedShapesKey, std::span<const int64_t>(shapes));
  }

  Status WriteAll(Weights& weights) {
    for (size_t g = 0; g < groups_.size(); ++g) {
      chunks_.Begin(groups_[g].name);
      SLUICE_CHECK_OK(groups_[g].floats() ? WriteFloats(groups_[g], layouts_[g], weights)
                                          : WriteMatrices(groups_[g], types_[g], layouts_[g], weights));
    }
    for (const auto& [name, file] : carried_) {
      chunks_.Begin(name);
      SLUICE_CHECK_OK(chunks_.AppendBytes(file.bytes()));
    }
    return {};
  }

  Status WriteFloats(const PackedGroup& group, const PackedGroup::Layout& layout, Weights& weights) {
    std::vector<float> values(static_cast<size_t>(layout.unit_bytes) / sizeof(float));
    for (int unit = 0; unit < group.units(); ++unit) {
      const WeightNeed& need = group.needs.front();
      SLUICE_TRY(const WeightView* view, weights.Find(need, unit));
      for (int64_t r = 0; r < need.rows; ++r) model::DecodeViewRow(*view, r, values.data() + r * need.cols);
      SLUICE_CHECK_OK(chunks_.AppendBytes(std::as_bytes(std::span(values))));
    }
    return {};
  }

  Status WriteMatrices(const PackedGroup& group, const std::vector<DType>& types,
                       const PackedGroup::Layout& layout, Weights& weights) {
    std::vector<std::unique_ptr<PanelRun>> runs;  // stay where they are until the chunk is written
    for (int unit = 0; unit < group.units(); ++unit) {
      auto in_turn = std::make_unique<PanelRun>();
      auto last = std::make_unique<PanelRun>();
      for (size_t i = 0; i < group.needs.size(); ++i) {
        const WeightNeed& need = group.needs[i];
        SLUICE_TRY(const WeightView* view, weights.Find(need, unit));
        const float* importance =
            options_.importance ? options_.importance->Find(need, need.experts > 0 ? unit : -1) : nullptr;
        const bool down = i > 0 && i + 1 == group.needs.size();
        (down ? last : in_turn)->parts.push_back({MatrixSource::Whole(*view), types[i], importance});
      }
      SLUICE_CHECK_OK(chunks_.Append(*in_turn));
      if (!last->parts.empty()) SLUICE_CHECK_OK(chunks_.Append(*last));
      SLUICE_CHECK_OK(chunks_.PadTo((unit + 1) * layout.unit_bytes));
      runs.push_back(std::move(in_turn));
      runs.push_back(std::move(last));
    }
    return chunks_.End();
  }

  const Checkpoint& checkpoint_;
  const PackOptions& options_;
  ThreadTeam team_;
  formats::GgufWriter writer_;
  ChunkWriter chunks_;
  std::vector<PackedGroup> groups_;
  std::vector<std::vector<DType>> types_;  // of each group's needs
  std::vector<PackedGroup::Layout> layouts_;
  std::vector<std::pair<std::string, MappedFile>> carried_;
  PackReport report_;
};

}  // namespace

PackReport::Share PackReport::total() const {
  Share sum;
  for (const Share& share : shares) {
    sum.parameters += share.parameters;
    sum.bytes += share.bytes;
  }
  return sum;
}

void PackReport::Count(WeightClass weights, int64_t parameters, int64_t bytes) {
  auto share = std::ranges::find(shares, weights, &Share::weights);
  if (share == shares.end()) share = shares.insert(shares.end(), Share{.weights = weights});
  share->parameters += parameters;
  share->bytes += bytes;
}

Result<PackReport> PackModel(const Checkpoint& checkpoint, const PackOptions& options) {
  if (!checkpoint.packed.empty())
    return Fail(ErrorCode::kUsage, fmt::format("{} is packed already", checkpoint.path),
                "give the model that it was packed from");
  return PackedFile(checkpoint, options).Write();
}

}  // namespace sluice::convert
