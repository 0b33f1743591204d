#include "convert/weight_rows.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include "model/rope.h"
#include "model/view_rows.h"

namespace sluice::convert {
namespace {

using model::DeltaNet;
using model::Desc;
using model::Gqa;
using model::Mla;
using model::Rope;
using model::WeightMap;

// The layer of the decoder that a weight belongs to; empty if it belongs to none.
const model::Layer& DecoderLayer(const Desc& desc, const model::WeightNeed& need) {
  static const model::Layer kNone;
  const bool none = need.layer < 0 || need.canonical.starts_with(model::kEncoderPrefix);
  return none ? kNone : desc.decoder.layers[static_cast<size_t>(need.layer)];
}

template <typename Op>
const Op* OperatorIn(const model::Layer& layer) {
  for (const model::Branch& branch : layer)
    if (const auto* op = std::get_if<Op>(&branch.op)) return op;
  return nullptr;
}
template <typename Op>
const Op* AttentionOf(const Desc& desc, const model::WeightNeed& need) {
  return OperatorIn<Op>(DecoderLayer(desc, need));
}

// What the frequencies of `rope` are divided by, against those of the same theta unscaled: the table that is
// called `canonical`.
std::vector<float> FrequencyDivisors(const Rope& rope, std::string_view canonical) {
  if (const auto* two = std::get_if<model::LongRopeScaling>(&rope.scaling))
    return canonical == "rope_factors_long" ? two->long_factors : two->short_factors;
  Rope plain = rope;
  plain.scaling = {};
  plain.still_pairs = 0;
  const std::vector<float> scaled = model::RopeFrequencies(rope);
  std::vector<float> divisors = model::RopeFrequencies(plain);
  constexpr float kStill = 1e30f;  // as others write for pairs that are not rotated
  for (size_t i = 0; i < divisors.size(); ++i) divisors[i] = scaled[i] > 0 ? divisors[i] / scaled[i] : kStill;
  return divisors;
}

// Of the first layer that reads divisors in the file to write.
const Rope* DividedRope(const Desc& source, const Desc& target) {
  for (size_t l = 0; l < target.decoder.layers.size(); ++l) {
    const auto *from = OperatorIn<Gqa>(source.decoder.layers[l]),
               *to = OperatorIn<Gqa>(target.decoder.layers[l]);
    const auto* rope = to ? std::get_if<Rope>(&to->position) : nullptr;
    if (from && rope && rope->file_factors) return std::get_if<Rope>(&from->position);
  }
  return nullptr;
}

bool IsRotated(std::string_view canonical) {
  return canonical == "attn.q" || canonical == "attn.k" || canonical == "attn.q.bias" ||
         canonical == "attn.k.bias" || canonical == "attn.q_norm" || canonical == "attn.k_norm";
}

// Whether the file keeps a norm's weights less one.
bool IsKeptLessOne(const OutputTensor& tensor, const Desc& desc) {
  const std::string& name = tensor.need.canonical;
  if (name == "final_norm") return desc.decoder.final_norm.plus_one;
  for (const model::Branch& branch : DecoderLayer(desc, tensor.need)) {
    const std::string part = model::CanonicalPart(branch);
    if (name == part + ".norm") return branch.pre.plus_one;
    if (name == part + ".post_norm") return branch.post && branch.post->plus_one;
    const auto* gqa = std::get_if<Gqa>(&branch.op);
    if (gqa && (name == part + ".q_norm" || name == part + ".k_norm")) return gqa->norm_plus_one;
  }
  return false;
}

}  // namespace

int64_t WeightRows::Pairing::Source(int64_t i) const {
  const int64_t head = dims > 0 ? i / head_dim : 0, at = dims > 0 ? i % head_dim : dims;
  if (at >= dims) return i;
  return head * head_dim + at % 2 * (dims / 2) + at / 2;
}

WeightRows::Pairing WeightRows::PairingOf(const OutputTensor& tensor, const Desc& source,
                                          const Desc& target) {
  const Gqa* from = AttentionOf<Gqa>(source, tensor.need);
  const Gqa* to = AttentionOf<Gqa>(target, tensor.need);
  if (!from || !to || !IsRotated(tensor.need.canonical)) return {};
  const auto *halves = std::get_if<Rope>(&from->position), *pairs = std::get_if<Rope>(&to->position);
  if (!halves || !pairs || halves->interleaved || !pairs->interleaved) return {};
  return {.dims = halves->dims, .head_dim = from->head_dim};
}

int64_t WeightRows::HeadOrder::Source(int64_t i) const {
  if (i < first) return i;
  const int64_t head = (i - first) / size;
  return first + (head % key_heads * per_key + head / key_heads) * size + (i - first) % size;
}

WeightRows::HeadOrder WeightRows::HeadOrderOf(const OutputTensor& tensor, const Desc& source,
                                              const Desc& target) {
  using enum HeadOrder::Along;
  const auto *from = AttentionOf<DeltaNet>(source, tensor.need),
             *to = AttentionOf<DeltaNet>(target, tensor.need);
  if (!from || !to || from->tiled || !to->tiled) return {};
  HeadOrder order{.key_heads = from->key_heads, .per_key = from->value_heads / from->key_heads};
  const std::string& name = tensor.need.canonical;
  if (name == "attn.v" || name == "attn.z") {
    order.along = kRows;
    order.size = from->value_dim;
  } else if (name == "attn.beta" || name == "attn.decay") {
    order.along = kRows;
  } else if (name == "attn.rate" || name == "attn.rate_bias") {
    order.along = kColumns;
  } else if (name == "attn.conv" || name == "attn.o") {
    order.along = kColumns;
    order.size = from->value_dim;
    order.first = name == "attn.conv" ? 2 * from->keys() : 0;
  }
  return order;
}

Result<WeightRows> WeightRows::Open(const OutputTensor& tensor, const WeightMap& weights, const Desc& source,
                                    const Desc& target) {
  const model::WeightNeed& need = tensor.need;
  WeightRows rows;
  if (!tensor.parts.empty()) {
    SLUICE_CHECK_OK(rows.OpenParts(tensor, weights, source, target));
    return rows;
  }
  rows.rows_ = need.rows;
  rows.cols_ = need.cols;
  rows.vector_ = need.vector;
  rows.pairing_ = PairingOf(tensor, source, target);
  rows.heads_ = HeadOrderOf(tensor, source, target);
  if (IsKeptLessOne(tensor, source) && !IsKeptLessOne(tensor, target)) rows.add_ = 1;
  const bool keys = need.canonical == "attn.k_b", values = need.canonical == "attn.v_b";
  if ((keys || values) && !weights.Find(need.canonical, need.layer)) {
    const Mla& mla = *AttentionOf<Mla>(source, need);
    rows.latent_ = keys ? Latent::kKeys : Latent::kValues;
    rows.nope_ = mla.nope_dim;
    rows.value_ = mla.v_dim;
    rows.rank_ = mla.kv_rank;
    SLUICE_TRY(const model::WeightView* view, weights.Get("attn.kv_b", need.layer));
    rows.kv_b_.resize(static_cast<size_t>(view->rows * view->cols));
    for (int64_t r = 0; r < view->rows; ++r)
      model::DecodeViewRow(*view, r, rows.kv_b_.data() + r * view->cols);
    return rows;
  }
  if (need.canonical.starts_with("rope_factors") && !weights.Find(need.canonical)) {
    if (const Rope* rope = DividedRope(source, target))
      rows.computed_ = FrequencyDivisors(*rope, need.canonical);
    if (rows.computed_.size() != static_cast<size_t>(need.cols))
      return Fail(ErrorCode::kConfig,
                  "the divisors of the rotary frequencies are neither stored nor implied");
    return rows;
  }
  for (int expert = 0; expert < std::max(need.experts, 1); ++expert) {
    SLUICE_TRY(const model::WeightView* view,
               weights.Get(need.canonical, need.layer, need.experts > 0 ? expert : WeightMap::kNone));
    rows.views_.push_back(view);
  }
  const auto *from = AttentionOf<DeltaNet>(source, need), *to = AttentionOf<DeltaNet>(target, need);
  rows.negative_exponential_ = need.canonical == "attn.rate" && from && to && from->log_rate && !to->log_rate;
  if (tensor.on_its_side) {
    rows.upright_.resize(static_cast<size_t>(need.rows * need.cols));
    for (int64_t r = 0; r < need.rows; ++r)
      model::DecodeViewRow(*rows.views_.front(), r, rows.upright_.data() + r * need.cols);
  }
  return rows;
}

Status WeightRows::OpenParts(const OutputTensor& tensor, const WeightMap& weights, const Desc& source,
                             const Desc& target) {
  for (const model::WeightNeed& need : tensor.parts) {
    SLUICE_TRY(WeightRows part, Open({.name = tensor.name, .need = need}, weights, source, target));
    parts_.push_back(std::move(part));
  }
  if (tensor.by_group) groups_ = tensor.need.groups;
  return {};
}

void WeightRows::ReadPart(int64_t row, float* out) const {
  const int64_t groups = std::max<int64_t>(groups_, 1);
  int64_t of_group = 0;  // rows of all parts
  for (const WeightRows& part : parts_) of_group += part.rows_ / groups;
  const int64_t group = row / of_group;
  int64_t in_group = row % of_group;
  for (const WeightRows& part : parts_) {
    const int64_t rows = part.rows_ / groups;
    if (in_group < rows) return part.ReadRow(group * rows + in_group, out);
    in_group -= rows;
  }
}

void WeightRows::ReadRow(int64_t row, float* out) const {
  if (!parts_.empty()) return ReadPart(row, out);
  if (!upright_.empty()) {
    if (heads_.along == HeadOrder::Along::kColumns) row = heads_.Source(row);
    for (int64_t r = 0; r < rows_; ++r) out[r] = upright_[static_cast<size_t>(r * cols_ + row)];
    return;
  }
  if (latent_ != Latent::kNone) return ReadLatent(row, out);
  if (!computed_.empty()) {
    std::copy(computed_.begin(), computed_.end(), out);
    return;
  }
  const model::WeightView& view = *views_[static_cast<size_t>(row / rows_)];
  if (!vector_ && !moves_columns()) {
    const bool by_row = heads_.along == HeadOrder::Along::kRows;
    return model::DecodeViewRow(view, by_row ? heads_.Source(row % rows_) : pairing_.Source(row % rows_),
                                out);
  }
  std::vector<float> values(static_cast<size_t>(cols_));
  if (!vector_) {
    model::DecodeViewRow(view, row % rows_, values.data());
    MoveColumns(values.data(), out);
    return;
  }
  model::DecodeViewRow(view, row % rows_, values.data());
  for (int64_t i = 0; i < cols_; ++i) {
    const int64_t source = moves_columns() ? heads_.Source(i) : pairing_.Source(i);
    out[i] = values[static_cast<size_t>(source)] + add_;
  }
  if (negative_exponential_)
    for (int64_t i = 0; i < cols_; ++i) out[i] = -std::exp(out[i]);
}

void WeightRows::MoveColumns(const float* columns, float* out) const {
  for (int64_t i = 0; i < cols_; ++i) out[i] = columns[heads_.Source(i)];
}

void WeightRows::ReadLatent(int64_t row, float* out) const {
  const auto at = [&](int64_t head, int64_t in_head) {
    return kv_b_.data() + (head * (nope_ + value_) + in_head) * rank_;
  };
  if (latent_ == Latent::kValues) {
    const float* from = at(row / value_, nope_ + row % value_);
    std::copy(from, from + rank_, out);
    return;
  }
  const int64_t head = row / rank_, r = row % rank_;  // [heads][rank][nope]: the keys transposed
  for (int64_t n = 0; n < nope_; ++n) out[n] = at(head, n)[r];
}

}  // namespace sluice::convert
