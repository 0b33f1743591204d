#include "model/weight_needs.h"

#include <utility>

#include "model/relative_bias.h"
#include "model/weight_map.h"

namespace sluice::model {
namespace {

class Collector {
 public:
  Collector(const Desc& desc, LatentForm latent) : dim_(desc.dim), latent_(latent) {
    Matrix("embed", desc.vocab, dim_);
    AddShared(desc.decoder);
    if (!desc.tied) Matrix("head", desc.vocab, dim_);
    if (desc.head_bias) Vector("head.bias", desc.vocab);
    AddRopeFactors(desc);
    if (desc.encoder) {
      prefix_ = kEncoderPrefix;
      AddShared(*desc.encoder);
      AddLayers(*desc.encoder, desc.layer_scale);
      prefix_.clear();
    }
    AddLayers(desc.decoder, desc.layer_scale);
  }
  std::vector<WeightNeed> Take() { return std::move(needs_); }

 private:
  WeightNeed& Matrix(const std::string& name, int64_t rows, int64_t cols) {
    return needs_.emplace_back(
        WeightNeed{.canonical = prefix_ + name, .layer = layer_, .rows = rows, .cols = cols});
  }
  WeightNeed& Vector(const std::string& name, int64_t size) {
    return needs_.emplace_back(
        WeightNeed{.canonical = prefix_ + name, .layer = layer_, .cols = size, .vector = true});
  }
  // What belongs to no layer of a stack.
  void AddShared(const Stack& stack) {
    NormOf("final_norm", stack.final_norm, dim_);
    if (const Gqa* gqa = FindRelativelyBiased(stack))
      Matrix("relative_bias", std::get<RelativeBias>(gqa->position).buckets, gqa->heads).floats = true;
  }
  void AddLayers(const Stack& stack, bool layer_scale) {
    layer_ = -1;
    for (const Layer& layer : stack.layers) {
      ++layer_;
      for (const Branch& branch : layer) Add(branch);
      if (layer_scale) Vector("layer_scale", 1);
    }
    layer_ = -1;
  }
  void NormOf(const std::string& name, const Norm& norm, int64_t size) {
    if (norm.kind == Norm::Kind::kNone) return;
    Vector(name, size);
    if (norm.bias) Vector(name + ".bias", size);
  }

  void AddRopeFactors(const Desc& desc) {
    for (const Layer& layer : desc.decoder.layers) {
      for (const Branch& branch : layer) {
        const auto* gqa = std::get_if<Gqa>(&branch.op);
        const auto* mla = std::get_if<Mla>(&branch.op);
        const Rope* rope = gqa ? std::get_if<Rope>(&gqa->position) : mla ? &mla->rope : nullptr;
        if (!rope || !rope->file_factors) continue;
        const bool two = std::holds_alternative<LongRopeScaling>(rope->scaling);
        Vector(two ? "rope_factors_short" : "rope_factors", rope->dims / 2);
        if (two) Vector("rope_factors_long", rope->dims / 2);
        return;
      }
    }
  }

  void Add(const Branch& branch) {
    const std::string part = CanonicalPart(branch);
    NormOf(part + ".norm", branch.pre, dim_);
    part_ = part + ".";
    std::visit([this](const auto& op) { AddOperator(op); }, branch.op);
    if (branch.post) NormOf(part + ".post_norm", *branch.post, dim_);
  }

  void AddOperator(const Gqa& a) {
    const int64_t attended = int64_t{a.heads} * a.head_dim, kv = int64_t{a.kv_heads} * a.head_dim;
    const int64_t q = a.out_gate ? 2 * attended : attended;
    const struct {
      const char* name;
      int64_t rows, first;
    } parts[] = {{"q", q, 0}, {"k", kv, q}, {"v", kv, q + kv}};
    for (const auto& part : parts) {
      if (a.value_is_key && part.first == q + kv) continue;
      WeightNeed& weight = Matrix(part_ + part.name, part.rows, dim_);
      weight.fused_rows = q + 2 * kv;
      weight.first_fused_row = part.first;
      if (!a.qkv_bias) continue;
      WeightNeed& bias = Vector(part_ + part.name + ".bias", part.rows);
      bias.fused_rows = q + 2 * kv;
      bias.first_fused_row = part.first;
    }
    if (a.qk_norm != Gqa::QkNorm::kNone && a.norm_weights) {
      const bool full = a.qk_norm == Gqa::QkNorm::kFullWidth;
      Vector(part_ + "q_norm", full ? attended : a.head_dim);
      Vector(part_ + "k_norm", full ? kv : a.head_dim);
    }
    if (a.sinks) Vector(part_ + "sinks", a.heads);
    Matrix(part_ + "o", dim_, attended);
    if (a.out_bias) Vector(part_ + "o.bias", dim_);
  }

  void AddOperator(const Mla& a) {
    const int64_t q = int64_t{a.heads} * (a.nope_dim + a.rope_dim);
    if (a.q_rank > 0) {
      Matrix("attn.q_a", a.q_rank, dim_);
      Vector("attn.q_a_norm", a.q_rank);
      Matrix("attn.q_b", q, a.q_rank);
    } else {
      Matrix("attn.q", q, dim_);
    }
    Matrix("attn.kv_a", a.kv_rank + a.rope_dim, dim_);
    Vector("attn.kv_a_norm", a.kv_rank);
    if (latent_ == LatentForm::kJoined) {
      Matrix("attn.kv_b", int64_t{a.heads} * (a.nope_dim + a.v_dim), a.kv_rank);
    } else {
      Matrix("attn.k_b", int64_t{a.heads} * a.kv_rank, a.nope_dim).heads = a.heads;
      Matrix("attn.v_b", int64_t{a.heads} * a.v_dim, a.kv_rank).heads = a.heads;
    }
    Matrix("attn.o", dim_, int64_t{a.heads} * a.v_dim);
    if (a.indexer) AddIndexer(*a.indexer, a.q_rank);
  }

  void AddIndexer(const Indexer& indexer, int q_rank) {
    Matrix("attn.index_q", int64_t{indexer.heads} * indexer.head_dim, q_rank);
    Matrix("attn.index_k", indexer.head_dim, dim_);
    Matrix("attn.index_weights", indexer.heads, dim_);
    NormOf("attn.index_k_norm", IndexerNorm(indexer), indexer.head_dim);
  }

  void AddOperator(const DeltaNet& d) {
    const int64_t values_per_key = d.value_heads / d.key_heads * int64_t{d.value_dim};
    const auto add = [&](const char* name, int64_t rows, int64_t group_rows, int64_t first_group_row) {
      WeightNeed& weight = Matrix(name, rows, dim_);
      weight.groups = d.key_heads;
      weight.group_rows = group_rows;
      weight.first_group_row = first_group_row;
      return &weight;
    };
    const int64_t group = 2 * (d.key_dim + values_per_key);
    int64_t fused = 0;
    const auto add_fused = [&](const char* name, int64_t rows, int64_t first_group_row) {
      WeightNeed* weight = add(name, rows, group, first_group_row);
      weight->fused_rows = d.channels();
      weight->first_fused_row = std::exchange(fused, fused + rows);
    };
    add_fused("attn.q", d.keys(), 0);
    add_fused("attn.k", d.keys(), d.key_dim);
    add_fused("attn.v", d.values(), 2 * d.key_dim);
    add("attn.z", d.values(), group, 2 * d.key_dim + values_per_key);
    const int64_t heads = d.value_heads / d.key_heads;
    add("attn.beta", d.value_heads, 2 * heads, 0);
    add("attn.decay", d.value_heads, 2 * heads, heads);
    Matrix("attn.conv", d.taps, d.channels()).floats = true;
    Vector("attn.rate", d.value_heads);
    Vector("attn.rate_bias", d.value_heads);
    Vector("attn.out_norm", d.value_dim);
    Matrix("attn.o", dim_, d.values());
  }

  // `used`: how many of the experts one token uses.
  void AddFfn(const std::string& prefix, const Ffn& f, int experts, int used) {
    const auto count = [&](WeightNeed& need) {
      need.experts = experts;
      need.used_experts = used;
    };
    const auto add = [&](const char* name, int64_t rows, int64_t cols) {
      count(Matrix(prefix + name, rows, cols));
      if (f.bias) count(Vector(prefix + name + ".bias", rows));
    };
    if (f.gated) add("gate", f.hidden, dim_);
    add("up", f.hidden, dim_);
    add("down", dim_, f.hidden);
  }
  void AddOperator(const Ffn& f) { AddFfn("ffn.", f, 0, 0); }

  void AddOperator(const Moe& m) {
    Matrix("moe.router", m.router.experts, dim_);
    if (m.router.logit_bias) Vector("moe.router.bias", m.router.experts);
    if (m.router.selection_bias) Vector("moe.selection_bias", m.router.experts);
    if (m.router.expert_scale) Vector("moe.expert_scale", m.router.experts);
    if (m.router.norm) NormOf("moe.router_norm", *m.router.norm, dim_);
    AddFfn("moe.expert.", m.expert, m.router.experts, m.router.top_k);
    if (m.shared) AddFfn("moe.shared.", *m.shared, 0, 0);
    if (m.shared_gate) Matrix("moe.shared_gate", 1, dim_);
  }

  void AddOperator(const Parallel& p) {
    for (const Branch& branch : p.branches) Add(branch);
  }

  const int64_t dim_;
  const LatentForm latent_;
  int layer_ = -1;
  std::string prefix_;  // of the stack
  std::string part_;    // "attn." or "cross."
  std::vector<WeightNeed> needs_;
};

}  // namespace

std::vector<WeightNeed> WeightNeeds(const Desc& desc, LatentForm latent) {
  return Collector(desc, latent).Take();
}

}  // namespace sluice::model
