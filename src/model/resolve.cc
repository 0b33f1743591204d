#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>
#include <unordered_map>

#include "formats/file_error.h"
#include "model/family.h"
#include "model/name_pattern.h"
#include "model/scale_grid.h"
#include "model/weight_needs.h"

namespace sluice::model {
namespace {

using formats::Checkpoint;
using formats::Printable;
using formats::Tensor;
using Shape = std::vector<int64_t>;

// Only whole numbers cannot be weights; which of the rest can be computed with is the kernels' business.
bool IsInteger(DType type) {
  switch (type) {
    case DType::kI64:
    case DType::kI32:
    case DType::kI16:
    case DType::kI8:
    case DType::kBool:
    case DType::kU64:
    case DType::kU32:
    case DType::kU16:
    case DType::kU8:
    case DType::kE8M0:
      return true;
    default:
      return false;
  }
}

class Resolver {
 public:
  Resolver(const Checkpoint& checkpoint, const Described& described)
      : checkpoint_(checkpoint),
        desc_(described.desc),
        family_(*described.family),
        gguf_(checkpoint.kind == Checkpoint::Kind::kGguf),
        used_(checkpoint.tensors.tensors().size()) {
    for (const Rule& rule : gguf_ ? family_.gguf_rules : family_.hf_rules)
      rules_[rule.canonical].push_back(&rule);
  }

  Result<WeightMap> Run() {
    for (const WeightNeed& need : WeightNeeds(desc_, FindLatentForm())) SLUICE_CHECK_OK(ResolveNeed(need));
    SLUICE_CHECK_OK(AccountForTheRest());
    return std::move(map_);
  }

 private:
  struct Found {
    const Tensor* tensor = nullptr;
    const Rule* rule = nullptr;
    bool per_expert = false;
  };

  bool Exists(std::string_view canonical) const {
    const auto it = rules_.find(canonical);
    if (it == rules_.end()) return false;
    for (int layer = 0; layer < static_cast<int>(desc_.decoder.layers.size()); ++layer) {
      for (const Rule* rule : it->second) {
        if (checkpoint_.tensors.Find(FillPattern(rule->pattern, layer, 0))) return true;
      }
    }
    return false;
  }
  LatentForm FindLatentForm() const { return Exists("attn.k_b") ? LatentForm::kSplit : LatentForm::kJoined; }

  // The rules for a name, and for "x.bias" those of x with the tensor's ending changed.
  std::string TensorName(const Rule& rule, bool bias, int layer, int expert) const {
    std::string name = FillPattern(rule.pattern, layer, expert);
    constexpr std::string_view kWeight = ".weight";
    if (bias && name.ends_with(kWeight)) name.replace(name.size() - kWeight.size(), kWeight.size(), ".bias");
    return name;
  }

  Result<Found> Look(const WeightNeed& need, int expert) const {
    std::string_view canonical = need.canonical;
    auto it = rules_.find(canonical);
    const bool bias = it == rules_.end() && canonical.ends_with(".bias");
    if (bias) it = rules_.find(canonical.substr(0, canonical.size() - 5));
    if (it == rules_.end()) {
      return Fail(ErrorCode::kBadFile, fmt::format("{}: {} models in this container have no {}, which the "
                                                   "configuration asks for",
                                                   checkpoint_.path, family_.name, canonical));
    }
    for (const Rule* rule : it->second) {
      const Tensor* tensor = checkpoint_.tensors.Find(TensorName(*rule, bias, need.layer, expert));
      if (tensor) return Found{tensor, rule, rule->pattern.find("{E}") != rule->pattern.npos};
    }
    std::vector<std::string> names;
    for (const Rule* rule : it->second) names.push_back(TensorName(*rule, bias, need.layer, expert));
    return Fail(ErrorCode::kBadFile,
                fmt::format("{}: tensor {} is missing", checkpoint_.path, fmt::join(names, " or ")),
                "is the download complete, and does the configuration belong to these weights?");
  }

  Status ResolveNeed(const WeightNeed& need) {
    if (need.experts == 0) {
      SLUICE_TRY(const Found found, Look(need, 0));
      return AddView(need, found, WeightMap::kNone);
    }
    SLUICE_TRY(Found found, Look(need, 0));
    for (int expert = 0; expert < need.experts; ++expert) {
      if (expert > 0 && found.per_expert) {
        SLUICE_TRY(found, Look(need, expert));
      }
      SLUICE_CHECK_OK(AddView(need, found, expert));
    }
    return {};
  }

  // The shape that the tensor should have, outermost first.
  static Shape ExpectedShape(const WeightNeed& need, const Found& found, int expert) {
    int64_t rows = need.rows, cols = need.cols;
    Shape shape;
    if (expert != WeightMap::kNone && !found.per_expert) shape.push_back(need.experts);
    switch (found.rule->fix) {
      case Rule::Fix::kFirstHalf:
      case Rule::Fix::kSecondHalf:
        rows *= 2;
        break;
      case Rule::Fix::kFusedQ:
      case Rule::Fix::kFusedK:
      case Rule::Fix::kFusedV:
        rows = need.fused_rows;
        break;
      case Rule::Fix::kTranspose:
        std::swap(rows, cols);
        break;
      case Rule::Fix::kNone:
        break;
    }
    const bool fused = rows == need.fused_rows && need.fused_rows > 0;
    if (need.vector) {
      shape.push_back(fused && found.rule->fix != Rule::Fix::kNone ? need.fused_rows : cols);
    } else if (need.heads > 0) {
      shape.insert(shape.end(), {need.heads, rows / need.heads, cols});
    } else {
      shape.insert(shape.end(), {rows, cols});
    }
    return shape;
  }

  Status CheckTensor(const Tensor& tensor, const WeightNeed& need, const Found& found, int expert) const {
    const Shape expected = ExpectedShape(need, found, expert);
    // A matrix of one row may be written as a vector.
    const bool as_vector = !need.vector && need.rows == 1 && tensor.shape == Shape{need.cols};
    if (tensor.shape != expected && !as_vector) {
      return Fail(
          ErrorCode::kBadFile,
          fmt::format("{}: tensor {}: expected [{}], file has [{}]", checkpoint_.path, Printable(tensor.name),
                      fmt::join(expected, ", "), fmt::join(tensor.shape, ", ")),
          "does the configuration belong to these weights?");
    }
    if (IsInteger(tensor.dtype)) {
      return Fail(ErrorCode::kBadFile,
                  fmt::format("{}: tensor {} holds {}, which is no type for weights", checkpoint_.path,
                              Printable(tensor.name), Name(tensor.dtype)));
    }
    return {};
  }

  static int64_t FirstRow(const WeightNeed& need, const Rule& rule) {
    switch (rule.fix) {
      case Rule::Fix::kSecondHalf:
        return need.rows;
      case Rule::Fix::kFusedQ:
      case Rule::Fix::kFusedK:
      case Rule::Fix::kFusedV:
        return need.first_fused_row;
      default:
        return 0;
    }
  }

  Status AddView(const WeightNeed& need, const Found& found, int expert) {
    const Tensor& tensor = *found.tensor;
    used_[&tensor - checkpoint_.tensors.tensors().data()] = true;
    if (expert <= 0 || found.per_expert) SLUICE_CHECK_OK(CheckTensor(tensor, need, found, expert));

    WeightView view{.name = tensor.name, .dtype = tensor.dtype, .rows = need.rows, .cols = need.cols};
    view.transposed = found.rule->fix == Rule::Fix::kTranspose;
    const int64_t stored_cols = view.transposed ? need.rows : need.cols;
    const std::optional<int64_t> stride = RowBytes(tensor.dtype, stored_cols);
    if (!stride) {
      return Fail(ErrorCode::kBadFile,
                  fmt::format("{}: tensor {}: rows of {} are no whole {} blocks", checkpoint_.path,
                              Printable(tensor.name), stored_cols, Name(tensor.dtype)));
    }
    view.row_stride = *stride;
    const bool stacked = expert != WeightMap::kNone && !found.per_expert;
    const uint64_t slab = stacked ? tensor.size / need.experts : tensor.size;
    view.data = checkpoint_.Bytes(tensor).data() + (stacked ? slab * expert : 0);
    const int64_t first = FirstRow(need, *found.rule);
    if (need.vector && first > 0) {
      view.data += *RowBytes(tensor.dtype, first);  // a part of one row
    } else {
      view.data += first * view.row_stride;
    }
    SLUICE_CHECK_OK(AddBlockScales(tensor, found, &view));
    map_.Add(need.canonical, need.layer, expert, std::move(view));
    return {};
  }

  Status AddBlockScales(const Tensor& tensor, const Found& found, WeightView* view) {
    if (tensor.dtype != DType::kF8E4M3) return {};
    const Tensor* scales = checkpoint_.tensors.Find(tensor.name + "_scale_inv");
    if (!scales) {
      return Fail(ErrorCode::kBadFile,
                  fmt::format("{}: tensor {} is FP8, but {}_scale_inv is missing", checkpoint_.path,
                              Printable(tensor.name), Printable(tensor.name)),
                  "only FP8 with a scale for each block of 128 x 128 is supported");
    }
    if (found.rule->fix != Rule::Fix::kNone || tensor.shape.size() != 2) {
      return Fail(ErrorCode::kBadFile,
                  fmt::format("{}: tensor {}: FP8 blocks of merged tensors are not supported",
                              checkpoint_.path, Printable(tensor.name)));
    }
    used_[scales - checkpoint_.tensors.tensors().data()] = true;
    return AttachScaleGrid(checkpoint_, *scales, view, &map_);
  }

  Status AccountForTheRest() {
    const auto tensors = checkpoint_.tensors.tensors();
    const int layers = static_cast<int>(desc_.decoder.layers.size());
    std::vector<std::string> unused;
    for (size_t i = 0; i < tensors.size(); ++i) {
      if (used_[i]) continue;
      const std::string& name = tensors[i].name;
      bool skip = false;
      for (std::string_view pattern : family_.skip) skip = skip || MatchesPattern(pattern, name, layers);
      // A tied head is sometimes stored a second time.
      if (desc_.tied && !skip) skip = IsHead(name);
      if (skip) {
        map_.AddSkipped(name);
      } else {
        unused.push_back(Printable(name));
      }
    }
    if (unused.empty()) return {};
    const size_t count = unused.size();
    unused.resize(std::min<size_t>(count, 5));
    return Fail(
        ErrorCode::kBadFile,
        fmt::format("{}: {} tensor{} that no part of a {} model uses: {}{}", checkpoint_.path, count,
                    count == 1 ? "" : "s", family_.name, fmt::join(unused, ", "), count > 5 ? ", ..." : ""),
        "the file belongs to a variant of this architecture that is not supported");
  }

  bool IsHead(std::string_view name) const {
    const auto it = rules_.find("head");
    if (it == rules_.end()) return false;
    for (const Rule* rule : it->second) {
      if (rule->pattern == name) return true;
    }
    return false;
  }

  const Checkpoint& checkpoint_;
  const Desc& desc_;
  const Family& family_;
  const bool gguf_;
  std::unordered_map<std::string_view, std::vector<const Rule*>> rules_;
  std::vector<bool> used_;
  WeightMap map_;
};

}  // namespace

Result<WeightMap> ResolveWeights(const formats::Checkpoint& checkpoint, const Described& described) {
  return Resolver(checkpoint, described).Run();
}

}  // namespace sluice::model
