#include "convert/model_metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "convert/description_difference.h"
#include "formats/checkpoint.h"

namespace sluice::convert {
namespace {

using namespace model;  // NOLINT: this file translates the model's words

uint32_t Count(int64_t n) { return static_cast<uint32_t>(n); }

// Architectures mean two things by logit_scale, and those that divide by it call the scale of attention by
// another name.
enum class ScaleWords : uint8_t { kMultiply, kDivide };

class Writer {
 public:
  Writer(std::string_view architecture, ScaleWords words, MetadataList& list)
      : prefix_(std::string(architecture) + "."), words_(words), list_(list) {}

  void Model(const Desc& desc) {
    Set("vocab_size", Count(desc.vocab));
    Set("context_length", Count(desc.max_ctx));
    Set("embedding_length", Count(desc.dim));
    Set("block_count", Count(static_cast<int64_t>(desc.decoder.layers.size())));
    Set("attention.layer_norm_rms_epsilon", desc.decoder.final_norm.eps);
    if (desc.decoder.final_norm.kind == Norm::Kind::kLayer)
      Set("attention.layer_norm_epsilon", desc.decoder.final_norm.eps);
    implied_scale_ = desc.encoder.has_value();
    Scales(desc);
    if (desc.logit_cap != 0) Set("final_logit_softcapping", desc.logit_cap);
    some_see_all_ = SomeSeeAll(desc);
    if (desc.encoder) Source(desc);
    Kinds(desc);
    Layers(desc);
  }

 private:
  // What only models with an encoder say; both stacks have layers of the same kind.
  void Source(const Desc& desc) {
    Set("block_count", Count(static_cast<int64_t>(desc.encoder->layers.size())));
    Set("decoder_block_count", Count(static_cast<int64_t>(desc.decoder.layers.size())));
    Set("decoder_start_token_id", Count(desc.start_token));
  }

  // Where layers with a window have heads of another size or number than the others: which are which.
  void Kinds(const Desc& desc) {
    std::vector<int32_t> windowed, kv_heads;
    std::set<std::pair<int, int>> with_window, without;
    for (const Layer& layer : desc.decoder.layers) {
      const auto* gqa = layer.empty() ? nullptr : std::get_if<Gqa>(&layer.front().op);
      if (!gqa) return;
      windowed.push_back(gqa->window > 0 ? 1 : 0);
      kv_heads.push_back(gqa->kv_heads);
      (gqa->window > 0 ? with_window : without).emplace(gqa->head_dim, gqa->kv_heads);
    }
    two_sizes_ = !with_window.empty() && !without.empty() && with_window != without;
    if (!two_sizes_) return;
    Set("attention.sliding_window_pattern", windowed);
    Set("attention.head_count_kv", kv_heads);
  }

  // A layer's operators, those that work side by side among them.
  static std::vector<const Branch*> Flat(const std::vector<Branch>& branches) {
    std::vector<const Branch*> flat;
    for (const Branch& branch : branches) {
      const auto* both = std::get_if<Parallel>(&branch.op);
      if (!both) flat.push_back(&branch);
      for (const Branch* part : both ? Flat(both->branches) : std::vector<const Branch*>())
        flat.push_back(part);
    }
    return flat;
  }

  void Layers(const Desc& desc) {
    std::optional<Ffn> dense;
    std::optional<Moe> sparse;
    int leading = 0;
    std::vector<int32_t> choosers;  // layers with an indexer of their own
    for (const Layer& layer : desc.decoder.layers)
      for (const Branch* branch : Flat(layer)) {
        if (const auto* gqa = std::get_if<Gqa>(&branch->op)) Attention(*gqa);
        if (const auto* mla = std::get_if<Mla>(&branch->op)) {
          Attention(*mla);
          choosers.push_back(mla->indexer ? 1 : 0);
        }
        if (const auto* delta = std::get_if<DeltaNet>(&branch->op)) Attention(*delta);
        if (const auto* moe = std::get_if<Moe>(&branch->op)) sparse = *moe;
        if (const auto* ffn = std::get_if<Ffn>(&branch->op)) {
          dense = *ffn;
          if (!sparse) ++leading;
        }
      }
    FullAttention(desc);
    if (std::ranges::count(choosers, 1) > 0) Set("attention.indexer.types", choosers);
    // A dense part beside the experts is as wide as the stream, and the key says how wide they are.
    const bool beside = dense && sparse && dense->hidden == desc.dim && HasExpertsBeside(desc);
    if (dense || sparse)
      Set("feed_forward_length", Count(dense && !beside ? dense->hidden : sparse->expert.hidden));
    if (!sparse) return;
    if (dense && !beside && !InOneLayer(desc)) Set("leading_dense_block_count", Count(leading));
    Set("interleave_moe_layer_step", Count(SparseStep(desc)));
    Experts(*sparse);
  }

  // Where some layers keep a state instead: every how many there is one that does not.
  void FullAttention(const Desc& desc) {
    for (size_t l = 1; l < desc.decoder.layers.size(); ++l) {
      const bool state = std::holds_alternative<DeltaNet>(desc.decoder.layers[l - 1].front().op);
      if (state && std::holds_alternative<Gqa>(desc.decoder.layers[l].front().op))
        return Set("full_attention_interval", Count(static_cast<int64_t>(l) + 1));
    }
  }

  static bool SomeSeeAll(const Desc& desc) {
    for (const Layer& layer : desc.decoder.layers)
      for (const Branch& branch : layer)
        if (const auto* gqa = std::get_if<Gqa>(&branch.op); gqa && gqa->window == 0) return true;
    return false;
  }

  static bool HasExpertsBeside(const Desc& desc) {
    return std::ranges::any_of(desc.decoder.layers, [](const Layer& layer) {
      return std::ranges::any_of(layer, [](const Branch& b) { return b.src == Branch::Src::kLayerInput; });
    });
  }

  // Whether the dense part and the experts work side by side.
  static bool InOneLayer(const Desc& desc) {
    return std::ranges::any_of(desc.decoder.layers, [](const Layer& layer) {
      return std::ranges::any_of(layer,
                                 [](const Branch& b) { return std::holds_alternative<Parallel>(b.op); });
    });
  }

  // Every how many layers there are experts, counted over the first two layers that have them.
  static int64_t SparseStep(const Desc& desc) {
    std::vector<int64_t> sparse;
    for (size_t l = 0; l < desc.decoder.layers.size(); ++l)
      for (const Branch& branch : desc.decoder.layers[l])
        if (std::holds_alternative<Moe>(branch.op)) sparse.push_back(static_cast<int64_t>(l));
    return sparse.size() > 1 ? sparse[1] - sparse[0] : 1;
  }

  void Scales(const Desc& desc) {
    if (desc.embed_scale != 1) Set("embedding_scale", desc.embed_scale);
    if (desc.logit_scale != 1 && !implied_scale_)
      Set("logit_scale", words_ == ScaleWords::kMultiply ? desc.logit_scale : 1 / desc.logit_scale);
    const float residual = desc.decoder.layers.empty() || desc.decoder.layers.front().empty()
                               ? 1
                               : desc.decoder.layers.front().front().scale;
    if (residual != 1) Set("residual_scale", residual);
  }

  void Set(std::string_view key, MetadataValue value) {
    list_.Set(prefix_ + std::string(key), std::move(value));
  }

  void Attention(const Gqa& a) {
    Set("attention.head_count", Count(a.heads));
    if (!two_sizes_) Set("attention.head_count_kv", Count(a.kv_heads));
    const char* kind = two_sizes_ && a.window > 0 ? "_swa" : "";
    Set(fmt::format("attention.key_length{}", kind), Count(a.head_dim));
    Set(fmt::format("attention.value_length{}", kind), Count(a.head_dim));
    if (a.clip > 0) Set("attention.clamp_kqv", a.clip);
    if (a.logit_cap > 0) Set("attn_logit_softcapping", a.logit_cap);
    if (!implied_scale_ && !Near(a.scale, 1 / std::sqrt(static_cast<float>(a.head_dim))))
      Set(words_ == ScaleWords::kMultiply ? "attention.output_scale" : "attention.scale", a.scale);
    if (a.window > 0) Set("attention.sliding_window", Count(a.window));
    if (const auto* bias = std::get_if<RelativeBias>(&a.position))
      Set("attention.relative_buckets_count", Count(bias->buckets));
    const auto* rope = std::get_if<Rope>(&a.position);
    if (rope && a.window > 0 && some_see_all_) {
      Set("rope.freq_base_swa", rope->theta);
      if (two_sizes_) Set("rope.dimension_count_swa", Count(rope->dims));
    } else if (rope) {
      Rotation(*rope);
    }
  }

  void Attention(const DeltaNet& d) {
    Set("ssm.conv_kernel", Count(d.taps));
    Set("ssm.state_size", Count(d.key_dim));
    Set("ssm.group_count", Count(d.key_heads));
    Set("ssm.time_step_rank", Count(d.value_heads));
    Set("ssm.inner_size", Count(d.values()));
  }

  void Choice(const Indexer& indexer) {
    Set("attention.indexer.head_count", Count(indexer.heads));
    Set("attention.indexer.key_length", Count(indexer.head_dim));
    Set("attention.indexer.top_k", Count(indexer.top_k));
  }

  // The form that compresses keys and values once for all heads.
  void Attention(const Mla& a) {
    Set("attention.head_count", Count(a.heads));
    Set("attention.head_count_kv", Count(1));
    Set("attention.key_length", Count(a.kv_rank + a.rope_dim));
    Set("attention.value_length", Count(a.kv_rank));
    Set("attention.key_length_mla", Count(a.nope_dim + a.rope_dim));
    Set("attention.value_length_mla", Count(a.v_dim));
    Set("attention.kv_lora_rank", Count(a.kv_rank));
    if (a.q_rank > 0) Set("attention.q_lora_rank", Count(a.q_rank));
    if (a.indexer) Choice(*a.indexer);
    Rotation(a.rope);
    const auto* yarn = std::get_if<YarnScaling>(&a.rope.scaling);
    if (!yarn || yarn->factor <= 1) return;
    // scale = stretch^2 / sqrt(head), stretch = 1 + multiplier * ln(factor)
    const double stretch = std::sqrt(a.scale * std::sqrt(static_cast<double>(a.nope_dim + a.rope_dim)));
    Set("rope.scaling.yarn_log_multiplier", static_cast<float>((stretch - 1) / std::log(yarn->factor)));
  }

  void Rotation(const Rope& rope) {
    Set("rope.dimension_count", Count(rope.dims));
    Set("rope.freq_base", rope.theta);
    if (const auto& [time, height, width] = rope.sections; time > 0)
      Set("rope.dimension_sections", std::vector<int32_t>{time, height, width, 0});
    if (const auto* linear = std::get_if<LinearScaling>(&rope.scaling)) {
      Set("rope.scaling.type", std::string("linear"));
      Set("rope.scaling.factor", linear->factor);
    }
    if (const auto* yarn = std::get_if<YarnScaling>(&rope.scaling)) {
      Set("rope.scaling.type", std::string("yarn"));
      Set("rope.scaling.factor", yarn->factor);
      Set("rope.scaling.original_context_length", Count(yarn->original_ctx));
      if (yarn->beta_fast != YarnScaling{}.beta_fast) Set("rope.scaling.yarn_beta_fast", yarn->beta_fast);
      if (yarn->beta_slow != YarnScaling{}.beta_slow) Set("rope.scaling.yarn_beta_slow", yarn->beta_slow);
    }
    if (const auto* two = std::get_if<LongRopeScaling>(&rope.scaling)) {
      Set("rope.scaling.original_context_length", Count(two->original_ctx));
      Set("rope.scaling.attn_factor", two->long_magnitude);
      // Nobody else's key: others use one factor for requests of any length.
      if (two->short_magnitude != two->long_magnitude)
        Set("rope.scaling.short_attn_factor", two->short_magnitude);
    }
  }

  void Experts(const Moe& m) {
    Set("expert_count", Count(m.router.experts));
    Set("expert_used_count", Count(m.router.top_k));
    Set("expert_feed_forward_length", Count(m.expert.hidden));
    Set("expert_weights_norm", m.router.renormalize);
    Set("expert_weights_scale", m.router.scale);
    if (m.router.score == Router::Score::kSoftmax) Set("expert_gating_func", Count(1));
    if (m.router.score == Router::Score::kSigmoid) Set("expert_gating_func", Count(2));
    if (m.router.score == Router::Score::kSoftmaxOfTopK) Set("expert_gating_func", Count(3));
    // Nobody else's key: others weigh the chosen by a softmax, without it.
    if (m.router.score == Router::Score::kSparseMixer) Set("router_jitter_noise", m.router.jitter);
    if (m.router.groups) {
      Set("expert_group_count", Count(m.router.groups->count));
      Set("expert_group_used_count", Count(m.router.groups->keep));
    }
    if (!m.shared) return;
    Set("expert_shared_feed_forward_length", Count(m.shared->hidden));
    if (m.shared->hidden % m.expert.hidden == 0)
      Set("expert_shared_count", Count(m.shared->hidden / m.expert.hidden));
  }

  const std::string prefix_;
  const ScaleWords words_;
  bool some_see_all_ = false;   // attention without a window
  bool two_sizes_ = false;      // of heads, with and without a window
  bool implied_scale_ = false;  // attention and logits are scaled as the architecture has it
  MetadataList& list_;
};

Result<GgufModel> WriteDown(const Described& described, const TypeMix& mix,
                            const std::vector<OutputTensor>& tensors, const std::string& name,
                            ScaleWords words) {
  GgufModel model;
  const std::string architecture(described.family->gguf_archs.front());
  model.metadata.Set("general.architecture", architecture);
  model.metadata.Set("general.type", std::string("model"));
  model.metadata.Set("general.name", name);
  Writer(architecture, words, model.metadata).Model(described.desc);
  for (const auto& [key, value] : described.family->gguf_numbers)
    model.metadata.Set(fmt::format("{}.{}", architecture, key), value);
  model.metadata.Set("general.file_type", mix.file_type);
  if (Info(mix.base).block_size > 1) model.metadata.Set("general.quantization_version", uint32_t{2});

  formats::Checkpoint written;
  written.path = name;
  SLUICE_TRY(written.gguf, model.metadata.AsRead());
  SLUICE_TRY(written.tensors, AsRead(tensors));
  SLUICE_TRY(Described read, model::Describe(written));
  const std::string difference = DescriptionDifference(described.desc, read.desc);
  if (!difference.empty())
    return Fail(ErrorCode::kConfig,
                fmt::format("{}: GGUF's {} metadata cannot express {}", name, architecture, difference),
                "run the checkpoint as it is");
  model.desc = std::move(read.desc);
  return model;
}

}  // namespace

Result<GgufModel> DescribeForGguf(const Described& described, const TypeMix& mix,
                                  const std::vector<OutputTensor>& tensors, const std::string& name) {
  auto model = WriteDown(described, mix, tensors, name, ScaleWords::kMultiply);
  if (model) return model;
  auto divided = WriteDown(described, mix, tensors, name, ScaleWords::kDivide);
  return divided ? std::move(divided) : std::move(model);
}

}  // namespace sluice::convert
