#include "model/accounting.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "model/packed.h"
#include "model/weight_needs.h"

namespace sluice::model {
namespace {

bool ReadsSource(const Branch& branch) {
  const auto* gqa = std::get_if<Gqa>(&branch.op);
  return gqa && gqa->sees == Gqa::Sees::kSource;
}

int64_t CachedBytes(const Branch& branch, kernels::KvType type) {
  if (const auto* gqa = std::get_if<Gqa>(&branch.op))
    return 2 * gqa->kv_heads * kernels::PositionBytes(type, gqa->head_dim);
  if (const auto* mla = std::get_if<Mla>(&branch.op))
    return kernels::PositionBytes(type, mla->kv_rank + mla->rope_dim) +
           (mla->indexer ? kernels::PositionBytes(type, mla->indexer->head_dim) : 0);
  return 0;
}

// What the rule does to one token: S^T k, the update and S^T q take a multiply-add for each element of the
// state, and the decay a multiplication.
double DeltaFlops(const DeltaNet& d) { return 7.0 * static_cast<double>(d.values()) * d.key_dim; }

struct Stored {
  DType dtype;
  int64_t bytes;
};
// One of a need's matrices; nothing: it is not there. The expert is WeightMap::kNone where there are none.
using StoredFn = std::function<std::optional<Stored>(const WeightNeed& need, int expert)>;

double FlopsOf(const Mla& mla, int64_t context, int chosen) {
  const int64_t seen = chosen > 0 ? std::min<int64_t>(context, chosen) : context;
  const double attended = 2.0 * mla.heads * (2.0 * mla.kv_rank + mla.rope_dim) * seen;
  return attended + (mla.indexer ? 2.0 * mla.indexer->heads * mla.indexer->head_dim * context : 0);
}

class Sum {
 public:
  // `stored` may be empty.
  Sum(const Desc& desc, StoredFn stored) : desc_(desc), stored_(std::move(stored)) {}

  Accounting Run(LatentForm form) {
    for (const WeightNeed& need : WeightNeeds(desc_, form)) Add(need);
    for (const Layer& layer : desc_.decoder.layers) {
      for (const Branch& branch : layer) {
        KvBytes& sum = ReadsSource(branch) ? sum_.source_kv_bytes_per_token : sum_.kv_bytes_per_token;
        for (const kernels::KvType type : kernels::kAllKvTypes)
          sum.by_type[static_cast<size_t>(type)] += CachedBytes(branch, type);
        const auto* delta = std::get_if<DeltaNet>(&branch.op);
        if (delta == nullptr) continue;
        sum_.state_bytes += delta->state_floats() * static_cast<int64_t>(sizeof(float));
        sum_.flops_per_token += DeltaFlops(*delta);
      }
    }
    return sum_;
  }

 private:
  void Add(const WeightNeed& need) {
    if (need.canonical.starts_with("rope_factors")) return;  // a table, not a parameter
    const bool routed = need.experts > 0;
    const int64_t used = routed ? need.used_experts : 1, copies = routed ? need.experts : 1;
    const int64_t elements = need.rows * need.cols;
    sum_.parameters += elements * copies;
    sum_.active_parameters += elements * used;
    if (routed) sum_.expert_parameters += elements * copies;
    const bool embedding = need.canonical == "embed";
    const bool product = !need.vector && !need.canonical.ends_with("relative_bias");
    double& flops = OfSource(need) ? sum_.source_flops_per_token : sum_.flops_per_token;
    if (product && (!embedding || desc_.tied)) flops += 2.0 * elements * used;
    if (stored_) AddBytes(need, copies, used, embedding && !desc_.tied);
  }

  // Used once for each token of a source text: the encoder, and what makes its output keys and values.
  static bool OfSource(const WeightNeed& need) {
    return need.canonical.starts_with(kEncoderPrefix) || need.canonical == "cross.k" ||
           need.canonical == "cross.v";
  }

  void AddBytes(const WeightNeed& need, int64_t copies, int64_t used, bool one_row) {
    int64_t bytes = 0;
    for (int64_t expert = 0; expert < copies; ++expert) {
      const int which = need.experts > 0 ? static_cast<int>(expert) : WeightMap::kNone;
      const std::optional<Stored> stored = stored_(need, which);
      if (!stored) continue;
      bytes += stored->bytes;
      sum_.bytes_by_type[stored->dtype] += stored->bytes;
      if (!need.vector && !one_row && expert < used && !OfSource(need))
        sum_.active_by_type[stored->dtype] += need.rows * need.cols;
    }
    sum_.weight_bytes += bytes;
    if (OfSource(need)) return;
    sum_.active_bytes += one_row ? bytes / std::max<int64_t>(need.rows, 1) : bytes / copies * used;
  }

  const Desc& desc_;
  const StoredFn stored_;
  Accounting sum_;
};

}  // namespace

Accounting Account(const Desc& desc, const WeightMap* weights) {
  if (weights == nullptr) return Sum(desc, {}).Run(LatentForm::kJoined);
  const auto stored = [&](const WeightNeed& need, int expert) -> std::optional<Stored> {
    const WeightView* view = weights->Find(need.canonical, need.layer, expert);
    if (view == nullptr) return std::nullopt;
    return Stored{view->dtype, ViewBytes(*view)};
  };
  const bool split = weights->Find("attn.k_b", 0) != nullptr;
  return Sum(desc, stored).Run(split ? LatentForm::kSplit : LatentForm::kJoined);
}

Accounting Account(const Desc& desc, const std::function<DType(const WeightNeed&)>& type_of) {
  const auto stored = [&](const WeightNeed& need, int) -> std::optional<Stored> {
    const DType type = need.vector ? DType::kF32 : type_of(need);
    return Stored{type, RowBytes(type, need.cols).value_or(0) * need.rows};
  };
  return Sum(desc, stored).Run(LatentForm::kJoined);
}

double AttentionFlops(const Desc& desc, int64_t context) {
  double flops = 0;
  int chosen = 0;  // positions, by the last layer with an indexer
  for (const Layer& layer : desc.decoder.layers) {
    for (const Branch& branch : layer) {
      if (const auto* gqa = std::get_if<Gqa>(&branch.op); gqa && !ReadsSource(branch)) {
        const int64_t seen = gqa->window > 0 ? std::min<int64_t>(context, gqa->window) : context;
        flops += 4.0 * gqa->heads * gqa->head_dim * seen;
      } else if (const auto* mla = std::get_if<Mla>(&branch.op)) {
        if (mla->indexer) chosen = mla->indexer->top_k;
        flops += FlopsOf(*mla, context, mla->indexer || mla->shared_choice ? chosen : 0);
      }
    }
  }
  return flops;
}

int64_t ViewBytes(const WeightView& view) {
  if (view.panel_stride > 0) return PanelsOf(view.rows) * kernels::PanelBytes(view.dtype, view.cols);
  constexpr int64_t kBlock = 128;
  const int64_t scales = view.block_scale ? (view.rows + kBlock - 1) / kBlock * view.scale_stride : 0;
  return (view.transposed ? view.cols : view.rows) * view.row_stride +
         scales * static_cast<int64_t>(sizeof(float));
}

}  // namespace sluice::model
