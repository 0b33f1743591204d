#include "model/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "model/rope.h"

namespace sluice::model {
namespace {

class Compiler {
 public:
  Compiler(const Model& model, bool adapters) : model_(model), desc_(model.desc) { plan_.adapts = adapters; }

  Plan Compile() {
    Use(Buffer::kStream, desc_.dim);
    CompileStack(desc_.decoder, model_.decoder);
    CompileHead();
    if (desc_.encoder) CompileEncoder();
    return std::move(plan_);
  }

 private:
  // The decoder's attention to the source, whose keys and values the encoder makes.
  struct SourceAttention {
    int layer, kv;
    Gqa gqa;
    const GqaWeights* weights;
  };

  void CompileStack(const Stack& stack, const StackWeights& weights) {
    relative_ = -1;
    if (const Gqa* gqa = FindRelativelyBiased(stack)) {
      relative_ = static_cast<int>(plan_.relatives.size());
      plan_.relatives.push_back(MakeRelativeTable(*gqa, weights.relative_bias));
    }
    Add("embed", EmbedStep{&model_.embed, desc_.embed_scale}, 0);
    const auto& layers = stack.layers;
    for (size_t l = 0; l < layers.size(); ++l) {
      layer_ = static_cast<int>(l);
      if (std::ranges::any_of(layers[l], [](const Branch& b) { return b.src == Branch::Src::kLayerInput; })) {
        Use(Buffer::kLayerInput, desc_.dim);
        Add("input", CopyStep{}, 0);
      }
      for (size_t b = 0; b < layers[l].size(); ++b) CompileBranch(layers[l][b], weights.layers[l][b]);
      if (desc_.layer_scale) Add("scale", ScaleStep{weights.layer_scales[l]}, 0);
    }
    layer_ = -1;
  }

  void CompileHead() {
    const ActSet head_acts = Bit(model_.head.activations);
    Add("final_norm",
        NormStep{Buffer::kStream, Buffer::kFinal, desc_.dim, desc_.decoder.final_norm,
                 model_.decoder.final_norm, head_acts, true},
        0);
    Use(Buffer::kFinal, desc_.dim, head_acts);
    Adapt("head", Buffer::kFinal, {&model_.head}, /*outputs_only=*/true);
    Add("head", HeadStep{&model_.head, model_.head_bias, desc_.logit_scale, desc_.logit_cap},
        model_.head.bytes());
    Use(Buffer::kLogits, desc_.vocab);
  }

  void CompileEncoder() {
    steps_ = &plan_.encoder_steps;
    stack_ = kEncoderPrefix;
    CompileStack(*desc_.encoder, model_.encoder);
    ActSet acts = 0;
    for (const SourceAttention& a : sources_)
      acts |= Bit(a.weights->k.activations) | Bit(a.weights->v.activations);
    Use(Buffer::kNormed, desc_.dim, acts);
    Add("final_norm",
        NormStep{Buffer::kStream, Buffer::kNormed, desc_.dim, desc_.encoder->final_norm,
                 model_.encoder.final_norm, acts},
        0);
    stack_.clear();
    prefix_ = "cross";
    for (const SourceAttention& a : sources_) {
      layer_ = a.layer;
      const GqaWeights& w = *a.weights;
      Project("kv", Buffer::kNormed, {{&w.k, w.k_bias, Buffer::kKey}, {&w.v, w.v_bias, Buffer::kValue}});
      Add("cross.store", RotateStoreStep{a.kv, a.gqa, nullptr, w.k_norm, -1, /*queries=*/false}, 0);
    }
  }

  void CompileBranch(const Branch& branch, const BranchWeights& weights) {
    branch_ = &branch;
    pre_in_ = branch.src == Branch::Src::kLayerInput ? Buffer::kLayerInput : Buffer::kStream;
    std::visit([&](const auto& op) { CompileOp(op, weights); }, branch.op);
    const bool parallel = std::holds_alternative<Parallel>(branch.op);
    if (!branch.post && !parallel) return;
    Add(std::string(CanonicalPart(branch)) + ".post_norm",
        AddNormStep{parallel ? Buffer::kSum : Buffer::kBranch, joins_,
                    branch.post.value_or(Norm{.kind = Norm::Kind::kNone}), weights.post, branch.scale},
        0);
  }

  void CompileOp(const Gqa& gqa, const BranchWeights& branch_weights) {
    prefix_ = CanonicalPart(*branch_);
    const auto& w = std::get<GqaWeights>(branch_weights.op);
    if (gqa.sees == Gqa::Sees::kSource) return CompileSourceAttention(gqa, w, branch_weights);
    std::vector<ProjectStep::Part> parts{{&w.q, w.q_bias, gqa.out_gate ? Buffer::kQueryGate : Buffer::kQuery},
                                         {&w.k, w.k_bias, Buffer::kKey}};
    if (!gqa.value_is_key) parts.push_back({&w.v, w.v_bias, Buffer::kValue});
    Use(Buffer::kQuery, int64_t{gqa.heads} * gqa.head_dim);
    Use(Buffer::kValue, int64_t{gqa.kv_heads} * gqa.head_dim);
    ActSet acts = 0;
    for (const ProjectStep::Part& part : parts) acts |= Bit(part.matrix->activations);
    PreNorm(branch_weights, acts);
    Project("qkv", Buffer::kNormed, std::move(parts));
    const kv::LayerShape shape{gqa.kv_heads, gqa.head_dim, gqa.head_dim};
    // Nobody reads the encoder's own keys and values once its layer is done.
    const int kv = steps_ == &plan_.encoder_steps ? LentKvLayer(shape, {}) : KvLayer(shape);
    Add("attn.rope", RotateStoreStep{kv, gqa, w.q_norm, w.k_norm, RopeOf(gqa.position)}, 0);
    Use(Buffer::kAttended, int64_t{gqa.heads} * gqa.head_dim);
    const bool relative = std::holds_alternative<RelativeBias>(gqa.position);
    Add("attn.attend", AttendStep{kv, gqa, w.sinks, relative ? relative_ : -1}, 0);
    AttentionOutput(w.o, w.o_bias);
  }

  void CompileSourceAttention(const Gqa& gqa, const GqaWeights& w, const BranchWeights& branch_weights) {
    PreNorm(branch_weights, Bit(w.q.activations));
    Project("q", Buffer::kNormed, {{&w.q, w.q_bias, Buffer::kQuery}});
    std::vector<int> taken;
    for (const SourceAttention& a : sources_) taken.push_back(a.kv);
    const int kv = LentKvLayer({gqa.kv_heads, gqa.head_dim, gqa.head_dim}, taken);
    sources_.push_back({layer_, kv, gqa, &w});
    Add("cross.scale", RotateStoreStep{kv, gqa, w.q_norm, nullptr, -1, true, /*keys=*/false}, 0);
    Use(Buffer::kAttended, int64_t{gqa.heads} * gqa.head_dim);
    Add("cross.attend", AttendStep{kv, gqa, w.sinks, -1}, 0);
    AttentionOutput(w.o, w.o_bias);
  }

  void CompileOp(const Mla& mla, const BranchWeights& branch_weights) {
    prefix_ = "attn";
    const auto& w = std::get<MlaWeights>(branch_weights.op);
    const PackedMatrix& q_in = mla.q_rank == 0 ? w.q : w.q_a;
    ActSet acts = Bit(q_in.activations) | Bit(w.kv_a.activations);
    if (mla.indexer) acts |= Bit(w.indexer.k.activations) | Bit(w.indexer.weights.activations);
    PreNorm(branch_weights, acts);
    Project("qkv_a", Buffer::kNormed,
            {{&q_in, nullptr, mla.q_rank == 0 ? Buffer::kQuery : Buffer::kQueryLow},
             {&w.kv_a, nullptr, Buffer::kLatentRow}});
    if (mla.q_rank != 0) CompileQueryOut(mla, w);
    if (mla.indexer) CompileIndexer(*mla.indexer, w.indexer);
    const int kv = KvLayer({1, mla.kv_rank + mla.rope_dim, 0});
    Add("attn.rope", LatentStoreStep{kv, mla, w.kv_a_norm, RopeOf(mla.rope)}, 0);
    Use(Buffer::kLatentQuery, int64_t{mla.heads} * (mla.kv_rank + mla.rope_dim));
    Add("attn.k_b", LatentQueryStep{mla, &w.k_b}, HeadBytes(w.k_b));
    Use(Buffer::kLatentOut, int64_t{mla.heads} * mla.kv_rank);
    Add("attn.attend", LatentAttendStep{kv, mla, Chooses(mla) ? chosen_ : 0}, 0);
    Use(Buffer::kAttended, int64_t{mla.heads} * mla.v_dim);
    Add("attn.v_b", LatentValueStep{mla, &w.v_b}, HeadBytes(w.v_b));
    AttentionOutput(w.o, nullptr);
  }

  void CompileOp(const DeltaNet& net, const BranchWeights& branch_weights) {
    prefix_ = "attn";
    const auto& w = std::get<DeltaNetWeights>(branch_weights.op);
    std::vector<ProjectStep::Part> parts{
        {&w.q, nullptr, Buffer::kQuery},        {&w.k, nullptr, Buffer::kKey},
        {&w.v, nullptr, Buffer::kValue},        {&w.z, nullptr, Buffer::kQueryGate},
        {&w.beta, nullptr, Buffer::kDeltaBeta}, {&w.decay, nullptr, Buffer::kDeltaDecay}};
    ActSet acts = 0;
    for (const ProjectStep::Part& part : parts) acts |= Bit(part.matrix->activations);
    PreNorm(branch_weights, acts);
    Project("qkvz", Buffer::kNormed, std::move(parts));
    plan_.state_layers.push_back(net.state_floats());
    const int layer = static_cast<int>(plan_.state_layers.size()) - 1;
    Add("attn.conv", DeltaConvStep{layer, net, w.conv}, 0);
    Use(Buffer::kAttended, net.values());
    Add("attn.delta", DeltaRuleStep{layer, net, w.rate, w.rate_bias, w.out_norm}, 0);
    AttentionOutput(w.o, nullptr);
  }

  // The compressed query, normalised, to what each head asks.
  void CompileQueryOut(const Mla& mla, const MlaWeights& w) {
    ActSet acts = Bit(w.q_b.activations);
    if (mla.indexer) acts |= Bit(w.indexer.q.activations);
    const Norm norm{.eps = mla.latent_norm_eps};
    Add("attn.q_norm",
        NormStep{Buffer::kQueryLow, Buffer::kQueryLow, mla.q_rank, norm, {w.q_a_norm, nullptr}, acts}, 0);
    Project("q_b", Buffer::kQueryLow, {{&w.q_b, nullptr, Buffer::kQuery}});
  }

  void CompileIndexer(const Indexer& indexer, const IndexerWeights& w) {
    Project("index_q", Buffer::kQueryLow, {{&w.q, nullptr, Buffer::kIndexQuery}});
    Project("index_k", Buffer::kNormed,
            {{&w.k, nullptr, Buffer::kIndexKey}, {&w.weights, nullptr, Buffer::kIndexWeight}});
    const int kv = KvLayer({1, indexer.head_dim, 0});
    Add("attn.index_rope", IndexStoreStep{kv, indexer, w.k_norm, RopeOf(indexer.rope)}, 0);
    Add("attn.index_score", IndexScoreStep{kv, indexer}, 0);
    Add("attn.index_choose", IndexChooseStep{kv, indexer}, 0);
    chosen_ = indexer.top_k;
    plan_.max_chosen_positions = std::max(plan_.max_chosen_positions, chosen_);
  }
  static bool Chooses(const Mla& mla) { return mla.indexer || mla.shared_choice; }

  void CompileOp(const Ffn& ffn, const BranchWeights& branch_weights) {
    prefix_ = "ffn";
    const auto& w = std::get<FfnWeights>(branch_weights.op);
    PreNorm(branch_weights, Bit(w.up.activations) | Bit(w.gate ? w.gate.activations : w.up.activations));
    Experts(nullptr, &w, ffn, false, false);
  }

  void CompileOp(const Moe& moe, const BranchWeights& branch_weights) {
    prefix_ = "moe";
    const auto& w = std::get<MoeWeights>(branch_weights.op);
    const FfnWeights* shared = moe.shared ? &w.shared : nullptr;
    ActSet acts = Bit(kernels::ActType::kF32);
    for (const FfnWeights& e : w.experts)
      acts |= Bit(e.up.activations) | Bit((e.gate ? e.gate : e.up).activations);
    if (shared) acts |= Bit(shared->up.activations) | Bit(shared->gate.activations);
    PreNorm(branch_weights, acts);
    std::vector<ProjectStep::Part> parts{{&w.router, nullptr, Buffer::kRouterLogits}};
    if (moe.router.norm) {
      const ActSet plain = Bit(kernels::ActType::kF32);
      Use(Buffer::kRouterIn, desc_.dim, plain);
      Add("moe.router_norm",
          NormStep{pre_in_, Buffer::kRouterIn, desc_.dim, *moe.router.norm, w.router_norm, plain}, 0);
      Project("router", Buffer::kRouterIn, std::exchange(parts, {}));
    }
    if (moe.shared_gate) parts.push_back({&w.shared_gate, nullptr, Buffer::kSharedGate});
    if (!parts.empty())
      Project(moe.router.norm ? "shared_gate" : "router", Buffer::kNormed, std::move(parts));
    Add("moe.route",
        RouteStep{plan_.moe_layers++, moe.router, w.router_bias, w.selection_bias, w.expert_scale}, 0);
    plan_.max_experts = std::max(plan_.max_experts, moe.router.experts);
    plan_.max_top_k = std::max(plan_.max_top_k, moe.router.top_k);
    Experts(&w.experts, shared, moe.expert, moe.shared_gate, moe.weight_on_input);
  }

  void CompileOp(const Parallel& parallel, const BranchWeights& branch_weights) {
    const auto& w = std::get<ParallelWeights>(branch_weights.op);
    const Branch* outer = branch_;
    Use(Buffer::kSum, desc_.dim);
    Add("mix.zero", ZeroStep{Buffer::kSum}, 0);
    joins_ = Buffer::kSum;
    for (size_t b = 0; b < w.branches.size(); ++b) CompileBranch(parallel.branches[b], w.branches[b]);
    joins_ = Buffer::kStream;
    branch_ = outer;
  }

  void Experts(const std::vector<FfnWeights>* experts, const FfnWeights* shared, const Ffn& ffn,
               bool shared_gate, bool weight_on_input) {
    ActSet acts = 0;
    int64_t hidden = 0, gate_up_bytes = 0, down_bytes = 0;
    const auto visit = [&](const FfnWeights& e) {
      acts |= Bit(e.down.activations);
      hidden = std::max(hidden, e.down.cols);
    };
    if (experts)
      for (const FfnWeights& e : *experts) visit(e);
    if (shared) visit(*shared);
    const FfnWeights& one = experts ? experts->front() : *shared;
    gate_up_bytes = one.up.bytes() + (one.gate ? one.gate.bytes() : 0);
    down_bytes = one.down.bytes();
    Use(Buffer::kHidden, hidden, acts);
    if (experts) Use(Buffer::kExpertOut, desc_.dim);
    if (plan_.adapts) Add(prefix_ + ".gate_up.adapt", AdaptExpertsStep{experts, shared, false}, 0);
    Add(prefix_ + ".gate_up", GateUpStep{experts, shared, ffn.act, ffn.limit, ffn.alpha, weight_on_input},
        gate_up_bytes);
    if (acts != Bit(kernels::ActType::kF32))
      Add(prefix_ + ".quantize", QuantizeHiddenStep{experts, shared}, 0);
    if (plan_.adapts) Add(prefix_ + ".down.adapt", AdaptExpertsStep{experts, shared, true}, 0);
    Add(prefix_ + ".down", DownStep{experts, shared, shared_gate, weight_on_input, branch_->scale, Output()},
        down_bytes);
  }

  void PreNorm(const BranchWeights& weights, ActSet acts) {
    Use(Buffer::kNormed, desc_.dim, acts);
    Add(prefix_ + ".norm", NormStep{pre_in_, Buffer::kNormed, desc_.dim, branch_->pre, weights.pre, acts}, 0);
  }

  void Project(const char* role, Buffer in, std::vector<ProjectStep::Part> parts) {
    int64_t bytes = 0;
    std::vector<const PackedMatrix*> matrices;
    for (const auto& part : parts) {
      matrices.push_back(part.matrix);
      bytes += part.matrix->bytes();
      Use(part.out, part.matrix->rows);
      Use(in, part.matrix->cols, Bit(part.matrix->activations));
    }
    Adapt(prefix_ + "." + role, in, std::move(matrices));
    Add(prefix_ + "." + role, ProjectStep{in, std::move(parts)}, bytes);
  }

  // What adapters need before the step `name`.
  void Adapt(const std::string& name, Buffer in, std::vector<const PackedMatrix*> matrices,
             bool outputs_only = false) {
    if (!plan_.adapts) return;
    plan_.max_adapted = std::max(plan_.max_adapted, static_cast<int>(matrices.size()));
    Add(name + ".adapt", AdaptStep{in, std::move(matrices), outputs_only}, 0);
  }

  // The attention's way back.
  void AttentionOutput(const PackedMatrix& o, const float* bias) {
    const ActSet acts = Bit(o.activations);
    Use(Buffer::kAttended, o.cols, acts);
    if (o.activations != kernels::ActType::kF32)
      Add(prefix_ + ".quantize", QuantizeStep{Buffer::kAttended, o.cols, acts}, 0);
    Adapt(prefix_ + ".o", Buffer::kAttended, {&o});
    Add(prefix_ + ".o", ResidualStep{Buffer::kAttended, &o, bias, branch_->scale, Output()}, o.bytes());
  }

  // Where a branch's output goes: a norm of its own first, or straight to what it joins.
  Buffer Output() {
    if (!branch_->post) return joins_;
    Use(Buffer::kBranch, desc_.dim);
    return Buffer::kBranch;
  }

  int KvLayer(kv::LayerShape shape) {
    plan_.kv_layers.push_back(shape);
    return static_cast<int>(plan_.kv_layers.size()) - 1;
  }

  // A layer of this shape that is not among `taken`, or a new one: a source's pages are no answer's, so that
  // both may keep what they have at the same place of a page.
  int LentKvLayer(const kv::LayerShape& shape, const std::vector<int>& taken) {
    for (int l = 0; l < static_cast<int>(plan_.kv_layers.size()); ++l)
      if (plan_.kv_layers[l] == shape && std::ranges::find(taken, l) == taken.end()) return l;
    return KvLayer(shape);
  }

  // The table of a position code; layers that rotate alike share one.
  int RopeOf(const Position& position) {
    const Rope* rope = std::get_if<Rope>(&position);
    if (rope == nullptr || rope->dims == 0) return -1;
    const auto found = std::ranges::find(ropes_, *rope);
    if (found != ropes_.end()) return static_cast<int>(found - ropes_.begin());
    const auto factors_of = [&](const float* divisors) -> std::span<const float> {
      if (!rope->file_factors || !divisors) return {};
      return {divisors, static_cast<size_t>(rope->dims / 2)};
    };
    ropes_.push_back(*rope);
    RopeTable table{.usual = {RopeFrequencies(*rope, factors_of(model_.rope_factors)), RopeMagnitude(*rope)},
                    .interleaved = rope->interleaved};
    if (const auto* two = std::get_if<LongRopeScaling>(&rope->scaling)) {
      table.long_request = {RopeFrequencies(*rope, factors_of(model_.long_rope_factors), true),
                            RopeMagnitude(*rope, true)};
      table.original_ctx = two->original_ctx;
    }
    plan_.ropes.push_back(std::move(table));
    return static_cast<int>(ropes_.size()) - 1;
  }

  static int64_t HeadBytes(const std::vector<PackedMatrix>& heads) {
    int64_t bytes = 0;
    for (const PackedMatrix& m : heads) bytes += m.bytes();
    return bytes;
  }

  void Use(Buffer buffer, int64_t width, ActSet acts = 0) {
    const int b = static_cast<int>(buffer);
    plan_.width[b] = std::max(plan_.width[b], width);
    plan_.acts[b] |= acts;
  }

  void Add(std::string name, StepOp op, int64_t bytes) {
    if (layer_ >= 0) name = fmt::format("L{}.{}", layer_, name);
    steps_->push_back({stack_ + name, std::move(op), bytes});
  }

  const Model& model_;
  const Desc& desc_;
  const Branch* branch_ = nullptr;
  Buffer pre_in_ = Buffer::kStream;
  Buffer joins_ = Buffer::kStream;  // what branches are added to
  std::string prefix_;
  int layer_ = -1;
  int chosen_ = 0;     // positions that the last indexer chooses
  std::string stack_;  // before the names of its steps
  std::vector<Rope> ropes_;
  int relative_ = -1;  // of the stack, index into Plan::relatives
  std::vector<SourceAttention> sources_;
  Plan plan_;
  std::vector<Step>* steps_ = &plan_.steps;
};

}  // namespace

Plan Compile(const Model& model, bool adapters) { return Compiler(model, adapters).Compile(); }

}  // namespace sluice::model
