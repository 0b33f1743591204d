#include "model/unread_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/words.h"

namespace sluice::model {
namespace {

using nlohmann::json;

// What the settings below speak of, from the first attention and the first expert layer.
struct Facts {
  explicit Facts(const Desc& d) : desc(d) {
    for (const Layer& layer : d.decoder.layers) Take(layer);
  }

  const Desc& desc;
  const Gqa* gqa = nullptr;
  const Mla* mla = nullptr;
  const Moe* moe = nullptr;
  Act act = Act::kSilu;
  bool dense = false;  // some layer has no experts

 private:
  void Take(const std::vector<Branch>& branches) {
    for (const Branch& branch : branches) {
      if (!gqa) gqa = std::get_if<Gqa>(&branch.op);
      if (!mla) mla = std::get_if<Mla>(&branch.op);
      if (!moe) moe = std::get_if<Moe>(&branch.op);
      if (moe) act = moe->expert.act;
      if (const auto* ffn = std::get_if<Ffn>(&branch.op)) act = ffn->act, dense = true;
      if (const auto* parallel = std::get_if<Parallel>(&branch.op)) Take(parallel->branches);
    }
  }
};

bool Is(const json& value, double number) {
  return value.is_number() && std::abs(value.get<double>() - number) <= 1e-6 * std::abs(number);
}
bool Is(const json& value, std::initializer_list<std::string_view> words) {
  return value.is_string() && std::find(words.begin(), words.end(), value.get<std::string>()) != words.end();
}

using Met = bool (*)(const json& value, const Facts& facts);

bool Off(const json& value, const Facts&) { return value == false || value == 0; }
bool One(const json& value, const Facts&) { return Is(value, 1); }
bool Bias(const json& value, const Facts& f) { return value == (f.gqa && f.gqa->qkv_bias); }
bool QkNorm(const json& value, const Facts& f) {
  return value == (f.gqa && f.gqa->qk_norm != Gqa::QkNorm::kNone);
}
bool Clip(const json& value, const Facts& f) { return Is(value, f.gqa ? f.gqa->clip : 0); }
bool AttentionCap(const json& value, const Facts& f) { return Is(value, f.gqa ? f.gqa->logit_cap : 0); }
bool LogitCap(const json& value, const Facts& f) { return Is(value, f.desc.logit_cap); }
bool Renormalize(const json& value, const Facts& f) { return !f.moe || value == f.moe->router.renormalize; }
bool Scoring(const json& value, const Facts& f) {
  if (!f.moe) return true;
  const bool sigmoid = f.moe->router.score == Router::Score::kSigmoid;
  return value == (sigmoid ? "sigmoid" : "softmax");
}
bool Gating(const json& value, const Facts& f) {  // as GGUF numbers them
  if (!f.moe) return true;
  const Router& r = f.moe->router;
  const bool of_chosen = r.score == Router::Score::kSoftmaxOfTopK || r.renormalize;
  return Is(value, r.score == Router::Score::kSigmoid ? 2 : 1) || Is(value, 0) || (of_chosen && Is(value, 3));
}
bool Method(const json& value, const Facts&) { return Is(value, {"greedy", "topk"}); }
// In a GGUF 0 stands for no factor and for no groups.
bool RouterScale(const json& value, const Facts& f) {
  return !f.moe || Is(value, f.moe->router.scale) || (Is(value, 0) && f.moe->router.scale == 1);
}
bool Groups(const json& value, const Facts& f) {
  return !f.moe || Is(value, f.moe->router.groups ? f.moe->router.groups->count : 1) || Is(value, 0);
}
bool Shared(const json& value, const Facts& f) { return Is(value, 0) || (f.moe && f.moe->shared); }
bool AllSparse(const json& value, const Facts& f) { return Is(value, 0) || !f.moe; }
bool EveryLayer(const json& value, const Facts& f) { return Is(value, 1) || !f.moe; }
// "gelu" is how some ports spell the approximation.
bool Activation(const json& value, const Facts& f) {
  if (f.act == Act::kGeluTanh) return Is(value, {"gelu_pytorch_tanh", "gelu_new", "gelu"});
  if (f.act == Act::kClampedSwiglu) return Is(value, {"silu"});
  return Is(value, {Word(f.act)});
}
bool Rotated(const json& value, const Facts& f) {
  const Rope* rope = f.gqa ? std::get_if<Rope>(&f.gqa->position) : f.mla ? &f.mla->rope : nullptr;
  if (!rope) return Is(value, 1);
  const int head = f.gqa ? f.gqa->head_dim : f.mla->nope_dim + f.mla->rope_dim;
  return Is(value, static_cast<double>(rope->dims) / head) || (f.mla && Is(value, 1));
}
bool Pairs(const json& value, const Facts& f) {
  const Rope* rope = f.gqa ? std::get_if<Rope>(&f.gqa->position) : f.mla ? &f.mla->rope : nullptr;
  return value == (rope && rope->interleaved);
}
bool Rotary(const json& value, const Facts&) { return Is(value, {"rope", "rotary"}); }
bool QueryScalar(const json& value, const Facts& f) { return f.gqa && Is(value, f.gqa->head_dim); }
bool Never(const json&, const Facts&) { return false; }
bool FullAttention(const json& value, const Facts&) {
  return value.is_array() &&
         std::all_of(value.begin(), value.end(), [](const json& type) { return type == "full_attention"; });
}
bool Latent(const json&, const Facts& f) { return f.mla != nullptr; }
bool Indexed(const json&, const Facts& f) { return f.mla && f.mla->indexer; }

constexpr struct {
  const char* key;
  Met met;  // whether the description does what the value says
} kSettings[] = {
    {"attention_bias", Bias},
    {"qkv_bias", Bias},
    {"use_bias", Off},
    {"mlp_bias", Off},
    {"add_bias_linear", Off},
    {"lm_head_bias", Off},
    {"use_qk_norm", QkNorm},
    {"qk_layernorm", QkNorm},
    {"clip_qkv", Clip},
    {"attn_logit_softcapping", AttentionCap},
    {"final_logit_softcapping", LogitCap},
    {"router_logit_softcapping", Off},
    {"query_pre_attn_scalar", QueryScalar},
    {"attention_multiplier", Never},
    {"embedding_multiplier", One},
    {"residual_multiplier", One},
    {"logits_scaling", One},
    {"logit_scale", One},
    {"lm_head_multiplier", One},
    {"embedding_multiplier_scale", One},
    {"output_multiplier_scale", One},
    {"hidden_act", Activation},
    {"hidden_activation", Activation},
    {"partial_rotary_factor", Rotated},
    {"rope_interleave", Pairs},
    {"rope_scaling", Never},
    {"position_embedding_type", Rotary},
    {"alibi", Off},
    {"no_rope_layers", Never},
    {"layer_types", FullAttention},
    {"use_sliding_window", Off},
    {"attention_chunk_size", Off},
    {"attn_temperature_tuning", Off},
    {"kv_lora_rank", Latent},
    {"q_lora_rank", Latent},
    {"index_topk", Indexed},
    {"linear_attn_config", Never},
    {"attn_type_list", Never},
    {"use_mla", Off},
    {"use_cla", Off},
    {"parallel_attn", Off},
    {"norm_topk_prob", Renormalize},
    {"scoring_func", Scoring},
    {"score_function", Scoring},
    {"gating_function", Gating},
    {"topk_method", Method},
    {"routed_scaling_factor", RouterScale},
    {"n_group", Groups},
    {"n_shared_experts", Shared},
    {"num_shared_expert", Shared},
    {"num_shared_experts", Shared},
    {"moe_num_shared_experts", Shared},
    {"shared_expert_intermediate_size", Shared},
    {"shared_intermediate_size", Shared},
    {"first_k_dense_replace", AllSparse},
    {"moe_layer_freq", EveryLayer},
    {"decoder_sparse_step", EveryLayer},
    {"interleave_moe_layer_step", EveryLayer},
    {"moe_layer_interval", EveryLayer},
    {"swiglu_limit", Off},
};

}  // namespace

void RefuseUnread(const Config& config, const Desc& desc) {
  const Facts facts(desc);
  for (const auto& setting : kSettings) {
    const json* value = config.Unread(setting.key);
    if (value && !setting.met(*value, facts))
      config.RefuseValue(setting.key, fmt::format("which is not supported for {}", desc.family));
  }
  const json* window = config.Unread("sliding_window");
  if (window && *window != 0 && config.Bool("use_sliding_window", true) && !(*window >= desc.max_ctx))
    config.RefuseValue("sliding_window", fmt::format("but {} knows no window", desc.family));
}

}  // namespace sluice::model
