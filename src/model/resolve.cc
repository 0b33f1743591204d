#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "formats/file_error.h"
#include "model/family.h"
#include "model/name_pattern.h"
#include "model/resolve_packed.h"
#include "model/rule_layout.h"
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

constexpr std::string_view kBlocks = "_blocks", kScales = "_scales";
constexpr int64_t kMxBlock = 32, kMxCodes = 16;

bool IsSplitMxfp4(const Rule& rule) { return rule.pattern.ends_with(kBlocks); }

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
  static Shape ExpectedShape(const WeightNeed& need, const Rule& rule, bool stacked) {
    const Layout layout = LayoutOf(rule.fix);
    Shape shape;
    if (stacked && !layout.expert_rows) shape.push_back(need.experts);
    if (need.vector) {
      const bool fused = layout.fused && need.fused_rows > 0;
      shape.push_back(fused ? need.fused_rows : layout.doubled ? 2 * need.cols : need.cols);
      return shape;
    }
    int64_t rows = layout.fused     ? need.fused_rows
                   : layout.grouped ? need.groups * need.group_rows
                   : layout.doubled ? 2 * need.rows
                                    : need.rows;
    int64_t cols = need.cols;
    if (layout.transposed) std::swap(rows, cols);
    if (layout.expert_rows) rows *= need.experts;
    if (need.heads > 0) {
      shape.insert(shape.end(), {need.heads, rows / need.heads, cols});
    } else if (IsSplitMxfp4(rule)) {
      shape.insert(shape.end(), {rows, cols / kMxBlock, kMxCodes});
    } else {
      shape.insert(shape.end(), {rows, cols});
    }
    return shape;
  }

  // A matrix of one row may be written as a vector, and the other way round.
  static Shape WithoutOnes(Shape shape) {
    std::erase(shape, 1);
    return shape;
  }

  Status CheckTensor(const Tensor& tensor, const WeightNeed& need, const Found& found, int expert) const {
    const Shape expected = ExpectedShape(need, *found.rule, expert != WeightMap::kNone && !found.per_expert);
    if (WithoutOnes(tensor.shape) != WithoutOnes(expected)) {
      return Fail(
          ErrorCode::kBadFile,
          fmt::format("{}: tensor {}: expected [{}], file has [{}]", checkpoint_.path, Printable(tensor.name),
                      fmt::join(expected, ", "), fmt::join(tensor.shape, ", ")),
          "does the configuration belong to these weights?");
    }
    if (IsSplitMxfp4(*found.rule)) return CheckMxfp4(tensor, need);
    if (IsInteger(tensor.dtype)) {
      return Fail(ErrorCode::kBadFile,
                  fmt::format("{}: tensor {} holds {}, which is no type for weights", checkpoint_.path,
                              Printable(tensor.name), Name(tensor.dtype)));
    }
    return {};
  }

  static std::string ScalesName(const Tensor& codes) {
    return codes.name.substr(0, codes.name.size() - kBlocks.size()).append(kScales);
  }

  // Codes and scales are bytes, and there is a scale for each block of codes.
  Status CheckMxfp4(const Tensor& codes, const WeightNeed& need) const {
    const std::string name = ScalesName(codes);
    const Tensor* scales = checkpoint_.tensors.Find(name);
    if (!scales) {
      return Fail(ErrorCode::kBadFile, fmt::format("{}: tensor {} is missing, the scales of {}",
                                                   checkpoint_.path, Printable(name), Printable(codes.name)));
    }
    if (need.cols % kMxBlock != 0) {
      return Fail(ErrorCode::kBadFile,
                  fmt::format("{}: tensor {}: rows of {} are no whole blocks of {}", checkpoint_.path,
                              Printable(codes.name), need.cols, kMxBlock));
    }
    const Shape expected(codes.shape.begin(), codes.shape.end() - 1);
    if (scales->shape != expected) {
      return Fail(ErrorCode::kBadFile,
                  fmt::format("{}: tensor {}: expected [{}], file has [{}]", checkpoint_.path,
                              Printable(name), fmt::join(expected, ", "), fmt::join(scales->shape, ", ")));
    }
    for (const Tensor* tensor : {&codes, scales}) {
      if (tensor->dtype == DType::kU8 || (tensor == scales && tensor->dtype == DType::kE8M0)) continue;
      return Fail(ErrorCode::kBadFile,
                  fmt::format("{}: tensor {} holds {}, not the bytes of MXFP4", checkpoint_.path,
                              Printable(tensor->name), Name(tensor->dtype)));
    }
    return {};
  }

  // Where the weight begins in its slab of the file, and how far its rows are apart.
  static void Place(const WeightNeed& need, const Rule& rule, int64_t stored_row_bytes, WeightView* view) {
    const Layout layout = LayoutOf(rule.fix);
    view->row_stride = stored_row_bytes;
    if (layout.grouped) {
      view->group_rows = need.rows / need.groups;
      view->group_stride = need.group_rows * stored_row_bytes;
      view->data += need.first_group_row * stored_row_bytes;
    } else if (layout.fused) {
      view->data += need.vector ? *RowBytes(view->dtype, need.first_fused_row)
                                : need.first_fused_row * stored_row_bytes;
    } else if (need.vector && layout.in_turn) {  // pairs, one element of each wanted
      view->transposed = true;
      view->row_stride = *RowBytes(view->dtype, 2);
      view->first_column = layout.part;
    } else if (need.vector) {
      view->data += layout.part * stored_row_bytes;
    } else if (layout.transposed) {
      view->transposed = true;
      view->first_column = layout.in_turn ? layout.part : layout.part * need.rows;
      view->column_step = layout.in_turn ? 2 : 1;
    } else {
      view->data += layout.part * (layout.in_turn ? 1 : need.rows) * stored_row_bytes;
      if (layout.in_turn) view->row_stride = 2 * stored_row_bytes;
    }
  }

  Status AddMxfp4View(const WeightNeed& need, const Found& found, int expert, int64_t slab) {
    const Tensor& scales = *checkpoint_.tensors.Find(ScalesName(*found.tensor));
    used_[&scales - checkpoint_.tensors.tensors().data()] = true;
    const int64_t slabs = need.experts > 0 && !found.per_expert ? need.experts : 1;
    WeightView view{.name = found.tensor->name, .dtype = DType::kU8, .rows = need.rows, .cols = need.cols};
    const int64_t blocks = need.cols / kMxBlock;
    // The scales stand as the codes do: their place is found in the same way.
    view.data = checkpoint_.Bytes(scales).data() + slab * static_cast<int64_t>(scales.size) / slabs;
    WeightView scale_view = view;
    Place(need, *found.rule, blocks, &scale_view);
    view.data =
        checkpoint_.Bytes(*found.tensor).data() + slab * static_cast<int64_t>(found.tensor->size) / slabs;
    Place(need, *found.rule, blocks * kMxCodes, &view);
    view.dtype = DType::kMXFP4;
    view.split_scale = scale_view.data;
    view.split_scale_stride = scale_view.row_stride;
    map_.Add(need.canonical, need.layer, expert, std::move(view));
    return {};
  }

  Status AddView(const WeightNeed& need, const Found& found, int expert) {
    const Tensor& tensor = *found.tensor;
    used_[&tensor - checkpoint_.tensors.tensors().data()] = true;
    if (expert <= 0 || found.per_expert) SLUICE_CHECK_OK(CheckTensor(tensor, need, found, expert));
    const bool stacked = expert != WeightMap::kNone && !found.per_expert;
    const int64_t slab = stacked ? expert : 0;
    if (IsSplitMxfp4(*found.rule)) return AddMxfp4View(need, found, expert, slab);

    WeightView view{.name = tensor.name, .dtype = tensor.dtype, .rows = need.rows, .cols = need.cols};
    const Layout layout = LayoutOf(found.rule->fix);
    const int64_t stored_cols = layout.transposed ? need.rows * (layout.doubled ? 2 : 1) : need.cols;
    const std::optional<int64_t> row_bytes = RowBytes(tensor.dtype, stored_cols);
    if (!row_bytes || (need.vector && (layout.in_turn || layout.fused) && !RowBytes(tensor.dtype, 1))) {
      return Fail(ErrorCode::kBadFile,
                  fmt::format("{}: tensor {}: rows of {} are no whole {} blocks", checkpoint_.path,
                              Printable(tensor.name), stored_cols, Name(tensor.dtype)));
    }
    view.data = checkpoint_.Bytes(tensor).data() +
                static_cast<int64_t>(tensor.size) / (stacked ? need.experts : 1) * slab;
    Place(need, *found.rule, *row_bytes, &view);
    SLUICE_CHECK_OK(AddBlockScales(tensor, found, need, &view));
    map_.Add(need.canonical, need.layer, expert, std::move(view));
    return {};
  }

  // Of a matrix that holds several weights, the scales of one: its rows must fill whole blocks.
  Status TakeScaleRows(const Tensor& tensor, const WeightNeed& need, const Layout& layout, WeightView* view) {
    constexpr int64_t kBlock = 128;
    std::vector<std::byte> taken;
    for (int64_t first = 0; first < need.rows; first += kBlock) {
      const int64_t last = std::min(first + kBlock, need.rows) - 1;
      const int64_t row = StoredRowOf(need, layout, first);
      if (row % kBlock != 0 || StoredRowOf(need, layout, last) - row != last - first)
        return Fail(
            ErrorCode::kBadFile,
            fmt::format("{}: tensor {}: the rows of {} do not fill FP8 blocks of {} rows: not supported",
                        checkpoint_.path, Printable(tensor.name), need.canonical, kBlock));
      const auto* scales =
          reinterpret_cast<const std::byte*>(view->block_scale + row / kBlock * view->scale_stride);
      taken.insert(taken.end(), scales, scales + view->scale_stride * static_cast<int64_t>(sizeof(float)));
    }
    view->block_scale = reinterpret_cast<const float*>(map_.Own(std::move(taken)));
    return {};
  }

  Status AddBlockScales(const Tensor& tensor, const Found& found, const WeightNeed& need, WeightView* view) {
    if (tensor.dtype != DType::kF8E4M3) return {};
    const Tensor* scales = checkpoint_.tensors.Find(tensor.name + "_scale_inv");
    if (!scales) {
      return Fail(ErrorCode::kBadFile,
                  fmt::format("{}: tensor {} is FP8, but {}_scale_inv is missing", checkpoint_.path,
                              Printable(tensor.name), Printable(tensor.name)),
                  "only FP8 with a scale for each block of 128 x 128 is supported");
    }
    const Layout layout = LayoutOf(found.rule->fix);
    const bool several = layout.fused || layout.grouped;
    if ((found.rule->fix != Rule::Fix::kNone && !several) || tensor.shape.size() != 2) {
      return Fail(ErrorCode::kBadFile,
                  fmt::format("{}: tensor {}: FP8 blocks of merged tensors are not supported",
                              checkpoint_.path, Printable(tensor.name)));
    }
    used_[scales - checkpoint_.tensors.tensors().data()] = true;
    WeightView whole{.rows = tensor.shape[0], .cols = view->cols};
    SLUICE_CHECK_OK(AttachScaleGrid(checkpoint_, *scales, &whole, &map_));
    view->block_scale = whole.block_scale;
    view->scale_stride = whole.scale_stride;
    return several ? TakeScaleRows(tensor, need, layout, view) : Status{};
  }

  Status AccountForTheRest() {
    const auto tensors = checkpoint_.tensors.tensors();
    const int layers = static_cast<int>(desc_.decoder.layers.size());
    std::vector<std::string> unused;
    for (size_t i = 0; i < tensors.size(); ++i) {
      if (used_[i]) continue;
      const std::string& name = tensors[i].name;
      const auto pattern = std::ranges::find_if(
          family_.skip, [&](std::string_view pattern) { return MatchesPattern(pattern, name, layers); });
      if (pattern != family_.skip.end()) {
        map_.AddSkipped(name, *pattern);
      } else if (desc_.tied && IsHead(name)) {  // sometimes stored a second time
        map_.AddSkipped(name, name);
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
  if (!checkpoint.packed.empty()) return ResolvePacked(checkpoint, described.desc);
  return Resolver(checkpoint, described).Run();
}

}  // namespace sluice::model
