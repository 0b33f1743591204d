#include "model/accounting.h"

#include <algorithm>

#include "model/weight_needs.h"

namespace sluice::model {
namespace {

constexpr int64_t kHalfBytes = 2;

const Moe* FindMoe(const std::vector<Branch>& branches) {
  for (const Branch& branch : branches) {
    if (const auto* moe = std::get_if<Moe>(&branch.op)) return moe;
    const auto* parallel = std::get_if<Parallel>(&branch.op);
    if (const Moe* moe = parallel ? FindMoe(parallel->branches) : nullptr) return moe;
  }
  return nullptr;
}

const Moe* MoeOf(const Desc& desc, int layer) {
  return layer < 0 ? nullptr : FindMoe(desc.decoder.layers[layer]);
}

int64_t CachedValues(const Branch& branch) {
  if (const auto* gqa = std::get_if<Gqa>(&branch.op)) return int64_t{2} * gqa->kv_heads * gqa->head_dim;
  if (const auto* mla = std::get_if<Mla>(&branch.op)) return mla->kv_rank + mla->rope_dim;
  return 0;
}

// What the rule does to one token: S^T k, the update and S^T q take a multiply-add for each element of the
// state, and the decay a multiplication.
double DeltaFlops(const DeltaNet& d) { return 7.0 * static_cast<double>(d.values()) * d.key_dim; }

class Sum {
 public:
  Sum(const Desc& desc, const WeightMap* weights) : desc_(desc), weights_(weights) {}

  Accounting Run() {
    for (const WeightNeed& need : WeightNeeds(desc_, Form())) Add(need);
    for (const Layer& layer : desc_.decoder.layers) {
      for (const Branch& branch : layer) {
        sum_.kv_bytes_per_token += CachedValues(branch) * kHalfBytes;
        const auto* delta = std::get_if<DeltaNet>(&branch.op);
        if (delta == nullptr) continue;
        sum_.state_bytes += delta->state_floats() * static_cast<int64_t>(sizeof(float));
        sum_.flops_per_token += DeltaFlops(*delta);
      }
    }
    return sum_;
  }

 private:
  LatentForm Form() const {
    const bool split = weights_ && weights_->Find("attn.k_b", 0);
    return split ? LatentForm::kSplit : LatentForm::kJoined;
  }

  void Add(const WeightNeed& need) {
    if (need.canonical == "rope_factors") return;  // a table, not a parameter
    const Moe* moe = need.experts > 0 ? MoeOf(desc_, need.layer) : nullptr;
    const int64_t used = moe ? moe->router.top_k : 1, copies = moe ? need.experts : 1;
    const int64_t elements = need.rows * need.cols;
    sum_.parameters += elements * copies;
    sum_.active_parameters += elements * used;
    if (moe) sum_.expert_parameters += elements * copies;
    const bool embedding = need.canonical == "embed";
    if (!need.vector && (!embedding || desc_.tied)) sum_.flops_per_token += 2.0 * elements * used;
    if (weights_) AddBytes(need, copies, used, embedding && !desc_.tied);
  }

  void AddBytes(const WeightNeed& need, int64_t copies, int64_t used, bool one_row) {
    int64_t bytes = 0;
    for (int64_t expert = 0; expert < copies; ++expert) {
      const int which = need.experts > 0 ? static_cast<int>(expert) : WeightMap::kNone;
      const WeightView* view = weights_->Find(need.canonical, need.layer, which);
      if (!view) continue;
      bytes += ViewBytes(*view);
      sum_.bytes_by_type[view->dtype] += ViewBytes(*view);
    }
    sum_.weight_bytes += bytes;
    sum_.active_bytes += one_row ? bytes / std::max<int64_t>(need.rows, 1) : bytes / copies * used;
  }

  const Desc& desc_;
  const WeightMap* weights_;
  Accounting sum_;
};

}  // namespace

Accounting Account(const Desc& desc, const WeightMap* weights) { return Sum(desc, weights).Run(); }

double AttentionFlops(const Desc& desc, int64_t context) {
  double flops = 0;
  for (const Layer& layer : desc.decoder.layers) {
    for (const Branch& branch : layer) {
      if (const auto* gqa = std::get_if<Gqa>(&branch.op)) {
        const int64_t seen = gqa->window > 0 ? std::min<int64_t>(context, gqa->window) : context;
        flops += 4.0 * gqa->heads * gqa->head_dim * seen;
      } else if (const auto* mla = std::get_if<Mla>(&branch.op)) {
        flops += 2.0 * mla->heads * (2.0 * mla->kv_rank + mla->rope_dim) * context;
      }
    }
  }
  return flops;
}

int64_t ViewBytes(const WeightView& view) {
  constexpr int64_t kBlock = 128;
  const int64_t scales = view.block_scale ? (view.rows + kBlock - 1) / kBlock * view.scale_stride : 0;
  return (view.transposed ? view.cols : view.rows) * view.row_stride +
         scales * static_cast<int64_t>(sizeof(float));
}

}  // namespace sluice::model
