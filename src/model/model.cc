#include "model/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/family.h"
#include "model/relative_bias.h"
#include "model/view_rows.h"

namespace sluice::model {
namespace {

// Walks the Desc, finds each weight and hands it to the packer.
class Builder {
 public:
  Builder(const Desc& desc, const WeightMap& weights, const ModelOptions& options, int nodes)
      : desc_(desc),
        weights_(weights),
        native_(options.exact ? Precision::kF32 : Precision::kNative),
        packer_(nodes) {}

  Status Build(Model* model) {
    SLUICE_CHECK_OK(Matrix("embed", &model->embed));
    if (!desc_.tied) SLUICE_CHECK_OK(Matrix("head", &model->head));
    if (desc_.head_bias) SLUICE_CHECK_OK(Vector("head.bias", &model->head_bias));
    SLUICE_CHECK_OK(RopeFactors("rope_factors", &model->rope_factors));
    SLUICE_CHECK_OK(RopeFactors("rope_factors_short", &model->rope_factors));
    SLUICE_CHECK_OK(RopeFactors("rope_factors_long", &model->long_rope_factors));
    SLUICE_CHECK_OK(BuildStack(desc_.decoder, "", &model->decoder));
    return desc_.encoder ? BuildStack(*desc_.encoder, kEncoderPrefix, &model->encoder) : Status{};
  }

  Packer& packer() { return packer_; }

 private:
  Status BuildStack(const Stack& stack, const char* prefix, StackWeights* out) {
    prefix_ = prefix;
    SLUICE_CHECK_OK(Norms("final_norm", stack.final_norm, &out->final_norm));
    if (FindRelativelyBiased(stack)) SLUICE_CHECK_OK(Vector("relative_bias", &out->relative_bias));
    out->layers.resize(stack.layers.size());
    if (desc_.layer_scale) out->layer_scales.resize(stack.layers.size());
    for (layer_ = 0; layer_ < static_cast<int>(stack.layers.size()); ++layer_) {
      auto& branches = out->layers[layer_];
      branches.resize(stack.layers[layer_].size());
      for (size_t b = 0; b < branches.size(); ++b)
        SLUICE_CHECK_OK(BuildBranch(stack.layers[layer_][b], &branches[b]));
      if (desc_.layer_scale) SLUICE_CHECK_OK(Vector("layer_scale", &out->layer_scales[layer_]));
    }
    return {};
  }

  Status RopeFactors(const char* name, const float** out) {
    const WeightView* factors = weights_.Find(name);
    if (!factors) return {};
    SLUICE_CHECK_OK(CheckRopeFactors(*factors));
    packer_.Vector(*factors, out);
    return {};
  }

  // One table of divisors serves every layer: heads of different sizes cannot share it.
  Status CheckRopeFactors(const WeightView& factors) const {
    for (size_t l = 0; l < desc_.decoder.layers.size(); ++l)
      for (const Branch& branch : desc_.decoder.layers[l]) {
        const auto* gqa = std::get_if<Gqa>(&branch.op);
        const auto* mla = std::get_if<Mla>(&branch.op);
        const Rope* rope = gqa ? std::get_if<Rope>(&gqa->position) : mla ? &mla->rope : nullptr;
        if (rope && rope->file_factors && rope->dims / 2 != factors.cols)
          return Fail(ErrorCode::kBadFile,
                      fmt::format("tensor {} divides {} frequencies, but layer {} rotates {} pairs",
                                  factors.name, factors.cols, l, rope->dims / 2));
      }
    return {};
  }

  Status BuildBranch(const Branch& branch, BranchWeights* out) {
    const std::string part = CanonicalPart(branch);
    SLUICE_CHECK_OK(Norms(part + ".norm", branch.pre, &out->pre));
    if (branch.post) SLUICE_CHECK_OK(Norms(part + ".post_norm", *branch.post, &out->post));
    part_ = part + ".";
    return std::visit([&](const auto& op) { return BuildOp(op, out); }, branch.op);
  }

  Status BuildOp(const Gqa& gqa, BranchWeights* out) {
    auto& w = out->op.emplace<GqaWeights>();
    SLUICE_CHECK_OK(Matrix(part_ + "q", &w.q));
    SLUICE_CHECK_OK(Matrix(part_ + "k", &w.k));
    if (!gqa.value_is_key) SLUICE_CHECK_OK(Matrix(part_ + "v", &w.v));
    SLUICE_CHECK_OK(Matrix(part_ + "o", &w.o));
    if (gqa.qkv_bias) {
      SLUICE_CHECK_OK(Vector(part_ + "q.bias", &w.q_bias));
      SLUICE_CHECK_OK(Vector(part_ + "k.bias", &w.k_bias));
      if (!gqa.value_is_key) SLUICE_CHECK_OK(Vector(part_ + "v.bias", &w.v_bias));
    }
    if (gqa.out_bias) SLUICE_CHECK_OK(Vector(part_ + "o.bias", &w.o_bias));
    if (gqa.qk_norm != Gqa::QkNorm::kNone && gqa.norm_weights) {
      const float add = gqa.norm_plus_one ? 1.0f : 0.0f;
      SLUICE_CHECK_OK(Vector(part_ + "q_norm", &w.q_norm, add));
      SLUICE_CHECK_OK(Vector(part_ + "k_norm", &w.k_norm, add));
    }
    if (gqa.sinks) SLUICE_CHECK_OK(Vector(part_ + "sinks", &w.sinks));
    return {};
  }

  Status BuildOp(const Mla& mla, BranchWeights* out) {
    auto& w = out->op.emplace<MlaWeights>();
    if (mla.q_rank == 0) {
      SLUICE_CHECK_OK(Matrix("attn.q", &w.q));
    } else {
      SLUICE_CHECK_OK(Matrix("attn.q_a", &w.q_a));
      SLUICE_CHECK_OK(Matrix("attn.q_b", &w.q_b));
      SLUICE_CHECK_OK(Vector("attn.q_a_norm", &w.q_a_norm));
    }
    SLUICE_CHECK_OK(Matrix("attn.kv_a", &w.kv_a));
    SLUICE_CHECK_OK(Vector("attn.kv_a_norm", &w.kv_a_norm));
    SLUICE_CHECK_OK(Matrix("attn.o", &w.o));
    if (mla.indexer) SLUICE_CHECK_OK(BuildIndexer(*mla.indexer, &w.indexer));
    w.k_b.resize(mla.heads);
    w.v_b.resize(mla.heads);
    return BuildLatentHeads(mla, &w);
  }

  Status BuildIndexer(const Indexer& indexer, IndexerWeights* w) {
    SLUICE_CHECK_OK(Matrix("attn.index_q", &w->q));
    SLUICE_CHECK_OK(Matrix("attn.index_k", &w->k));
    SLUICE_TRY(const WeightView* weights, weights_.Get("attn.index_weights", layer_));
    packer_.Matrix(MatrixSource::Whole(*weights), Precision::kF32, &w->weights);
    return Norms("attn.index_k_norm", IndexerNorm(indexer), &w->k_norm);
  }

  // One matrix per head, cut from kv_b [heads * (nope + v), kv_rank] or from its published split.
  Status BuildLatentHeads(const Mla& mla, MlaWeights* w) {
    if (const WeightView* kv_b = weights_.Find("attn.kv_b", layer_)) {
      const int64_t stride = mla.nope_dim + mla.v_dim;
      for (int64_t h = 0; h < mla.heads; ++h) {
        packer_.Matrix({kv_b, h * stride, mla.kv_rank, mla.nope_dim, true}, native_, &w->k_b[h]);
        packer_.Matrix({kv_b, h * stride + mla.nope_dim, mla.v_dim, mla.kv_rank, false}, native_, &w->v_b[h]);
      }
      return {};
    }
    SLUICE_TRY(const WeightView* k_b, weights_.Get("attn.k_b", layer_));
    SLUICE_TRY(const WeightView* v_b, weights_.Get("attn.v_b", layer_));
    for (int64_t h = 0; h < mla.heads; ++h) {
      packer_.Matrix({k_b, h * mla.kv_rank, mla.kv_rank, mla.nope_dim, false}, native_, &w->k_b[h]);
      packer_.Matrix({v_b, h * mla.v_dim, mla.v_dim, mla.kv_rank, false}, native_, &w->v_b[h]);
    }
    return {};
  }

  Status BuildOp(const DeltaNet&, BranchWeights* out) {
    auto& w = out->op.emplace<DeltaNetWeights>();
    SLUICE_CHECK_OK(Matrix("attn.q", &w.q));
    SLUICE_CHECK_OK(Matrix("attn.k", &w.k));
    SLUICE_CHECK_OK(Matrix("attn.v", &w.v));
    SLUICE_CHECK_OK(Matrix("attn.z", &w.z));
    SLUICE_CHECK_OK(Matrix("attn.beta", &w.beta));
    SLUICE_CHECK_OK(Matrix("attn.decay", &w.decay));
    SLUICE_CHECK_OK(Matrix("attn.o", &w.o));
    SLUICE_CHECK_OK(Vector("attn.conv", &w.conv));
    SLUICE_CHECK_OK(Vector("attn.rate", &w.rate));
    SLUICE_CHECK_OK(Vector("attn.rate_bias", &w.rate_bias));
    return Vector("attn.out_norm", &w.out_norm);
  }

  Status BuildOp(const Ffn& ffn, BranchWeights* out) {
    return BuildFfn("ffn", ffn, WeightMap::kNone, &out->op.emplace<FfnWeights>());
  }

  Status BuildOp(const Moe& moe, BranchWeights* out) {
    auto& w = out->op.emplace<MoeWeights>();
    SLUICE_TRY(const WeightView* router, weights_.Get(prefix_ + "moe.router", layer_));
    packer_.Matrix(MatrixSource::Whole(*router), Precision::kF32, &w.router);
    if (moe.router.logit_bias) SLUICE_CHECK_OK(Vector("moe.router.bias", &w.router_bias));
    if (moe.router.selection_bias) SLUICE_CHECK_OK(Vector("moe.selection_bias", &w.selection_bias));
    if (moe.router.expert_scale) SLUICE_CHECK_OK(Vector("moe.expert_scale", &w.expert_scale));
    if (moe.router.norm) SLUICE_CHECK_OK(Norms("moe.router_norm", *moe.router.norm, &w.router_norm));
    w.experts.resize(moe.router.experts);
    for (int e = 0; e < moe.router.experts; ++e)
      SLUICE_CHECK_OK(BuildFfn("moe.expert", moe.expert, e, &w.experts[e]));
    if (moe.shared) SLUICE_CHECK_OK(BuildFfn("moe.shared", *moe.shared, WeightMap::kNone, &w.shared));
    if (moe.shared_gate) {
      SLUICE_TRY(const WeightView* gate, weights_.Get(prefix_ + "moe.shared_gate", layer_));
      packer_.Matrix(MatrixSource::Whole(*gate), Precision::kF32, &w.shared_gate);
    }
    return {};
  }

  Status BuildOp(const Parallel& parallel, BranchWeights* out) {
    auto& w = out->op.emplace<ParallelWeights>();
    w.branches.resize(parallel.branches.size());
    for (size_t b = 0; b < w.branches.size(); ++b)
      SLUICE_CHECK_OK(BuildBranch(parallel.branches[b], &w.branches[b]));
    return {};
  }

  Status BuildFfn(const std::string& part, const Ffn& ffn, int expert, FfnWeights* out) {
    const std::string name = prefix_ + part;
    SLUICE_TRY(const WeightView* up, weights_.Get(name + ".up", layer_, expert));
    SLUICE_TRY(const WeightView* down, weights_.Get(name + ".down", layer_, expert));
    MatrixSource gate_source;
    if (ffn.gated) {
      SLUICE_TRY(const WeightView* gate, weights_.Get(name + ".gate", layer_, expert));
      gate_source = MatrixSource::Whole(*gate);
    }
    packer_.Expert(ffn.gated ? &gate_source : nullptr, MatrixSource::Whole(*up), MatrixSource::Whole(*down),
                   native_, &out->gate, &out->up, &out->down);
    if (!ffn.bias) return {};
    if (ffn.gated) SLUICE_CHECK_OK(ExpertVector(name + ".gate.bias", expert, &out->gate_bias));
    SLUICE_CHECK_OK(ExpertVector(name + ".up.bias", expert, &out->up_bias));
    return ExpertVector(name + ".down.bias", expert, &out->down_bias);
  }

  Status Matrix(const std::string& name, PackedMatrix* out) {
    SLUICE_TRY(const WeightView* view, weights_.Get(prefix_ + name, LayerOf(name)));
    packer_.Matrix(MatrixSource::Whole(*view), native_, out);
    return {};
  }

  Status Vector(const std::string& name, const float** out, float add = 0) {
    SLUICE_TRY(const WeightView* view, weights_.Get(prefix_ + name, LayerOf(name)));
    packer_.Vector(*view, out, add);
    return {};
  }

  Status ExpertVector(const std::string& name, int expert, const float** out) {
    SLUICE_TRY(const WeightView* view, weights_.Get(name, layer_, expert));
    packer_.Vector(*view, out);
    return {};
  }

  Status Norms(const std::string& name, const Norm& norm, NormWeights* out) {
    if (norm.kind == Norm::Kind::kNone) return {};
    SLUICE_CHECK_OK(Vector(name, &out->weight, norm.plus_one ? 1.0f : 0.0f));
    return norm.bias ? Vector(name + ".bias", &out->bias) : Status{};
  }

  // Weights of a whole model or stack have no dot before their role, or are the final norm's.
  int LayerOf(const std::string& name) const {
    const bool global = name == "embed" || name == "relative_bias" || name.starts_with("head") ||
                        name.starts_with("final_norm");
    return global ? WeightMap::kNone : layer_;
  }

  const Desc& desc_;
  const WeightMap& weights_;
  const Precision native_;
  Packer packer_;
  std::string prefix_;  // of the stack
  std::string part_;    // of the branch, with its dot
  int layer_ = 0;
};

Status CheckFinite(const WeightView& view) {
  std::vector<float> row(static_cast<size_t>(view.cols));
  for (int64_t r = 0; r < view.rows; ++r) {
    DecodeViewRow(view, r, row.data());
    const auto bad = std::ranges::find_if_not(row, [](float x) { return std::isfinite(x); });
    if (bad != row.end())
      return Fail(ErrorCode::kBadFile,
                  fmt::format("tensor {}: element [{}, {}] is {}, so no token could be routed", view.name, r,
                              bad - row.begin(), *bad),
                  "the file is damaged or was converted wrongly: fetch or convert it again");
  }
  return {};
}

// A router that is not a number would poison every token: refused before the first one.
Status CheckRouters(const Model& model, const WeightMap& weights) {
  const size_t layers = std::max(model.decoder.layers.size(), model.encoder.layers.size());
  for (const std::string prefix : {"", kEncoderPrefix})
    for (size_t l = 0; l < layers; ++l)
      for (const char* name : {"moe.router", "moe.router.bias", "moe.selection_bias"})
        if (const WeightView* view = weights.Find(prefix + name, static_cast<int>(l)))
          SLUICE_CHECK_OK(CheckFinite(*view));
  return {};
}

}  // namespace

Result<std::unique_ptr<Model>> LoadModel(const formats::Checkpoint& checkpoint, ThreadTeam& team,
                                         const ModelOptions& options) {
  SLUICE_TRY(Described described, Describe(checkpoint));
  SLUICE_TRY(WeightMap weights, ResolveWeights(checkpoint, described));
  auto model = std::make_unique<Model>();
  if (!checkpoint.packed.empty()) {
    model->files = checkpoint.files;
    model->read_ahead = std::make_unique<ReadAhead>(model->files);
  }
  model->desc = described.desc;
  model->family = described.family;
  model->exact = options.exact;
  Builder builder(model->desc, weights, options, team.nodes());
  SLUICE_CHECK_OK(builder.Build(model.get()));
  SLUICE_CHECK_OK(CheckRouters(*model, weights));
  SLUICE_TRY(model->arena, builder.packer().Pack(team, options.progress));
  model->nodes = team.nodes();
  model->not_placed = builder.packer().not_placed();
  if (model->desc.tied) model->head = model->embed;
  if (options.names) {
    const auto names = weights.Names();
    for (const Packer::Origin& origin : builder.packer().origins())
      model->names[origin.matrix] = names.at(origin.view);
    if (model->desc.tied) model->names[&model->head] = {"head", -1, -1};
  }
  return model;
}

}  // namespace sluice::model
