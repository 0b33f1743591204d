#include "model/lora.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/file.h"
#include "formats/file_error.h"
#include "formats/safetensors.h"
#include "kernels/blocks.h"
#include "model/find_matrix.h"
#include "model/lora_config.h"
#include "model/lora_modules.h"

namespace sluice::model {

using formats::Printable;
using formats::Tensor;

namespace {

constexpr std::string_view kPrefix = "base_model.model.";
constexpr char kWrongModel[] = "was the adapter made for this model?";

uint64_t NextId() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

// A matrix of floats as a file has it or as it is cut.
struct Floats {
  int64_t rows = 0, cols = 0;
  std::vector<float> values;  // [rows][cols]

  float& At(int64_t r, int64_t c) { return values[static_cast<size_t>(r * cols + c)]; }
  float At(int64_t r, int64_t c) const { return values[static_cast<size_t>(r * cols + c)]; }
  static Floats Of(int64_t rows, int64_t cols) {
    return {rows, cols, std::vector<float>(static_cast<size_t>(rows * cols))};
  }
};

int64_t PackedBytes(int64_t rows, int64_t cols) {
  return PanelsOf(rows) * kernels::PanelBytes(DType::kF32, cols);
}

}  // namespace

class AdapterBuilder {
 public:
  AdapterBuilder(const Model& model, const std::string& directory, const LoraConfig& config)
      : model_(model),
        path_((std::filesystem::path(directory) / "adapter_model.safetensors").string()),
        config_(config),
        modules_(*model.family, model.desc) {}

  Result<std::shared_ptr<const Adapter>> Build(int64_t most_bytes) {
    SLUICE_TRY(file_, MappedFile::Open(path_));
    SLUICE_TRY(parsed_, formats::ParseSafetensors(file_));
    SLUICE_CHECK_OK(PairTensors());
    int64_t bytes = 0;
    for (const auto& [name, pair] : pairs_) {
      SLUICE_TRY(const int64_t size, Check(name, pair));
      bytes += size;
    }
    if (most_bytes > 0 && bytes > most_bytes)
      return Fail(
          ErrorCode::kConfig,
          fmt::format("{} takes {} bytes of memory, and {} are left for adapters", path_, bytes, most_bytes),
          "unload another one or allow more");
    adapter_ = std::shared_ptr<Adapter>(new Adapter);
    SLUICE_TRY(adapter_->arena_, Arena::Reserve(bytes));
    for (const auto& [name, pair] : pairs_) SLUICE_CHECK_OK(Add(name, pair));
    adapter_->id_ = NextId();
    adapter_->model_ = &model_;
    adapter_->base_model_ = config_.base_model;
    return std::shared_ptr<const Adapter>(std::move(adapter_));
  }

 private:
  struct Pair {
    const Tensor* a = nullptr;
    const Tensor* b = nullptr;
  };

  tl::unexpected<Error> Bad(std::string_view tensor, std::string_view what, std::string hint = {}) const {
    return Fail(ErrorCode::kBadFile, fmt::format("{}: tensor {}: {}", path_, Printable(tensor, 200), what),
                std::move(hint));
  }

  // Every tensor is one half of a module's pair.
  Status PairTensors() {
    for (const Tensor& tensor : parsed_.tensors) {
      std::string_view name = tensor.name;
      if (!name.starts_with(kPrefix))
        return Bad(name, fmt::format("the name does not begin with {}", kPrefix));
      name.remove_prefix(kPrefix.size());
      bool b = false;
      const auto module = ModuleOf(name, &b);
      if (!module)
        return Bad(tensor.name, "is neither lora_A.weight nor lora_B.weight of a module",
                   "only plain LoRA is supported");
      Pair& pair = pairs_[std::string(*module)];
      const Tensor*& half = b ? pair.b : pair.a;
      if (half != nullptr) return Bad(tensor.name, fmt::format("{} says the same", Printable(half->name)));
      half = &tensor;
    }
    if (pairs_.empty()) return Fail(ErrorCode::kBadFile, fmt::format("{}: holds no tensors", path_));
    for (const auto& [name, pair] : pairs_)
      if (pair.a == nullptr || pair.b == nullptr)
        return Bad((pair.a != nullptr ? pair.a : pair.b)->name,
                   fmt::format("its lora_{} is missing", pair.a != nullptr ? 'B' : 'A'));
    return {};
  }

  static std::optional<std::string_view> ModuleOf(std::string_view name, bool* b) {
    for (const auto& [end, is_b] : {std::pair<std::string_view, bool>{".lora_A.weight", false},
                                    {".lora_B.weight", true},
                                    {".lora_A.default.weight", false},
                                    {".lora_B.default.weight", true}}) {
      *b = is_b;
      if (name.ends_with(end)) return name.substr(0, name.size() - end.size());
    }
    return {};
  }

  Status CheckShape(const Tensor& tensor, int64_t rows, int64_t cols) const {
    if (tensor.shape != std::vector<int64_t>{rows, cols})
      return Bad(tensor.name,
                 fmt::format("expected [{}, {}], file has [{}]", rows, cols, fmt::join(tensor.shape, ", ")),
                 kWrongModel);
    if (tensor.dtype != DType::kF32 && tensor.dtype != DType::kF16 && tensor.dtype != DType::kBF16)
      return Bad(tensor.name, fmt::format("holds {}; F32, F16 and BF16 are supported", Name(tensor.dtype)));
    return {};
  }

  // Bytes that the module's matrices take.
  Result<int64_t> Check(const std::string& name, const Pair& pair) {
    const std::vector<ModuleWeight>* weights = modules_.Find(name);
    if (weights == nullptr)
      return Bad(pair.a->name, "the model has no such module with weights", kWrongModel);
    const ModuleWeight& first = weights->front();
    if (first.stacked || first.layout.transposed)
      return Bad(pair.a->name, "its module holds all experts in one parameter, which is not supported");
    const int64_t rank = config_.RankOf(name);
    SLUICE_CHECK_OK(CheckShape(*pair.a, rank, first.need->cols));
    SLUICE_CHECK_OK(CheckShape(*pair.b, ModuleHeight(first), rank));
    int64_t bytes = 0;
    for (const ModuleWeight& weight : *weights) {
      SLUICE_TRY(const int64_t size, CheckWeight(pair, weight, rank));
      bytes += size;
    }
    return bytes;
  }

  Result<int64_t> CheckWeight(const Pair& pair, const ModuleWeight& weight, int64_t rank) {
    const WeightNeed& need = *weight.need;
    const FoundMatrix found = FindMatrix(model_, need.canonical, need.layer, weight.expert);
    if (found.matrix == nullptr && found.heads == nullptr)
      return Bad(pair.a->name, fmt::format("{} cannot be adapted", need.canonical));
    const PackedMatrix* one = found.matrix != nullptr ? found.matrix : found.heads->k_b.data();
    if (!adapted_.insert(one).second)
      return Bad(pair.a->name, fmt::format("{} is adapted twice", need.canonical));
    if (found.matrix != nullptr) return PackedBytes(rank, need.cols) + PackedBytes(need.rows, rank);
    const Mla& mla = std::get<Mla>(found.branch->op);
    return PackedBytes(rank, mla.kv_rank) + PackedBytes(mla.kv_rank, rank) +
           mla.heads * (PackedBytes(rank, mla.nope_dim) + PackedBytes(mla.v_dim, rank));
  }

  Result<Floats> Read(const Tensor& tensor) const {
    Floats floats = Floats::Of(tensor.shape[0], tensor.shape[1]);
    const std::byte* data = file_.bytes().data() + tensor.offset;
    kernels::DecodeRow(tensor.dtype, data, floats.rows * floats.cols, floats.values.data());
    const auto bad = std::ranges::find_if_not(floats.values, [](float x) { return std::isfinite(x); });
    if (bad == floats.values.end()) return floats;
    const int64_t at = bad - floats.values.begin();
    return Bad(tensor.name, fmt::format("element [{}, {}] is {}", at / floats.cols, at % floats.cols, *bad),
               "the adapter's training went wrong or the file is damaged");
  }

  Status Add(const std::string& name, const Pair& pair) {
    SLUICE_TRY(const Floats a, Read(*pair.a));
    SLUICE_TRY(Floats b, Read(*pair.b));
    const double scale = config_.ScaleOf(name);
    for (float& x : b.values) x = static_cast<float>(x * scale);
    if (!std::ranges::all_of(b.values, [](float x) { return std::isfinite(x); }))
      return Bad(pair.b->name, fmt::format("times {} it is no longer finite", scale));
    adapter_->rank_ = std::max(adapter_->rank_, static_cast<int>(a.rows));
    for (const ModuleWeight& weight : *modules_.Find(name)) AddWeight(a, b, weight);
    return {};
  }

  void AddWeight(const Floats& a, const Floats& b, const ModuleWeight& weight) {
    const WeightNeed& need = *weight.need;
    const FoundMatrix found = FindMatrix(model_, need.canonical, need.layer, weight.expert);
    const std::vector<int64_t> rows = ModuleRows(weight, found.branch, model_.family->gguf_turns_heads);
    const std::vector<int64_t> columns = ModuleColumns(weight, found.branch);
    Floats mine = Floats::Of(need.rows, b.cols), inputs = a;
    for (int64_t r = 0; r < need.rows; ++r)
      std::copy_n(b.values.data() + rows[static_cast<size_t>(r)] * b.cols, b.cols, &mine.At(r, 0));
    for (int64_t r = 0; r < a.rows && !columns.empty(); ++r)
      for (int64_t c = 0; c < a.cols; ++c) inputs.At(r, c) = a.At(r, columns[static_cast<size_t>(c)]);
    if (found.heads != nullptr) return AddHeads(inputs, mine, std::get<Mla>(found.branch->op), *found.heads);
    adapter_->matrices_[found.matrix] = {Pack(inputs), Pack(mine)};
  }

  // Keys and values of latent attention are k = (K + B_k A) c and v = (V + B_v A) c of a cached row c; what
  // is computed is q (K + B_k A) c, from the query's side, so that there A transposed comes second.
  void AddHeads(const Floats& a, const Floats& b, const Mla& mla, const MlaWeights& w) {
    const int64_t rank = a.rows, stride = mla.nope_dim + mla.v_dim;
    Floats turned = Floats::Of(a.cols, rank);
    for (int64_t r = 0; r < rank; ++r)
      for (int64_t c = 0; c < a.cols; ++c) turned.At(c, r) = a.At(r, c);
    const PackedMatrix upright_a = Pack(a), turned_a = Pack(turned);
    for (int64_t h = 0; h < mla.heads; ++h) {
      Floats keys = Floats::Of(rank, mla.nope_dim), values = Floats::Of(mla.v_dim, rank);
      for (int64_t r = 0; r < rank; ++r)
        for (int64_t i = 0; i < mla.nope_dim; ++i) keys.At(r, i) = b.At(h * stride + i, r);
      for (int64_t i = 0; i < mla.v_dim; ++i)
        std::copy_n(&b.values[static_cast<size_t>((h * stride + mla.nope_dim + i) * rank)], rank,
                    &values.At(i, 0));
      adapter_->matrices_[&w.k_b[static_cast<size_t>(h)]] = {Pack(keys), turned_a};
      adapter_->matrices_[&w.v_b[static_cast<size_t>(h)]] = {upright_a, Pack(values)};
    }
  }

  PackedMatrix Pack(const Floats& m) {
    const int64_t stride = kernels::PanelBytes(DType::kF32, m.cols);
    PackedMatrix packed{.dtype = DType::kF32, .rows = m.rows, .cols = m.cols};
    std::byte* out = adapter_->arena_.Take(packed.bytes());
    packed.data = out;
    packed.panel_stride = stride;
    for (int64_t p = 0; p < packed.panels(); ++p) {
      kernels::PanelRows rows;
      for (int64_t i = 0; i < kernels::kPanelRows && p * kernels::kPanelRows + i < m.rows; ++i)
        rows.row[i] =
            reinterpret_cast<const std::byte*>(m.values.data() + (p * kernels::kPanelRows + i) * m.cols);
      kernels::PackPanel(DType::kF32, rows, m.cols, out + p * stride);
    }
    return packed;
  }

  const Model& model_;
  const std::string path_;
  const LoraConfig& config_;
  const LoraModules modules_;
  MappedFile file_;
  formats::SafetensorsFile parsed_;
  std::map<std::string, Pair> pairs_;  // by module
  std::set<const PackedMatrix*> adapted_;
  std::shared_ptr<Adapter> adapter_;
};

Result<std::shared_ptr<const Adapter>> LoadAdapter(const Model& model, const std::string& directory,
                                                   int64_t most_bytes) {
  SLUICE_TRY(const LoraConfig config,
             ReadLoraConfig((std::filesystem::path(directory) / "adapter_config.json").string()));
  return AdapterBuilder(model, directory, config).Build(most_bytes);
}

}  // namespace sluice::model
