// Gemma 4 with experts, its text part: a dense network and a mixture side by side, each between norms of its
// own; full layers have wider heads, rotate a part of them and use their keys as values.
#include <fmt/format.h>

#include <cmath>

#include "model/families/gemma.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

constexpr std::string_view kFullRope = "rope_parameters.full_attention",
                           kLocalRope = "rope_parameters.sliding_attention";
std::string In(std::string_view object, std::string_view key) {
  return std::string(object).append(".").append(key);
}

void RefuseVariants(const Config& c) {
  for (const char* flag : {"attention_bias", "use_double_wide_mlp"}) c.RefuseIfTrue(flag);
  c.RequireOneOf("use_bidirectional_attention", {"vision"});  // text is causal then
  for (const char* count : {"hidden_size_per_layer_input", "num_kv_shared_layers"})
    if (c.Int(count, 0) != 0) c.Refuse(count, "is not 0, which is not supported");
  const bool experts = c.from_gguf() ? c.FindTensor("blk.0.ffn_gate_inp.weight") != nullptr
                                     : c.Bool("enable_moe_block", false);
  if (!experts) c.Refuse("enable_moe_block", "is not true: Gemma 4 without experts is not supported");
  c.RequireOneOf(In(kLocalRope, "rope_type"), {"default"});
  c.RequireOneOf(In(kFullRope, "rope_type"), {"proportional", "default"});
}

bool HasWindow(const Config& c, int layer) {
  if (!c.from_gguf()) return IsSlidingLayer(c, layer, 6);
  if (!c.Has("sliding_layers")) c.Refuse("sliding_layers", "is missing");
  return c.Int("sliding_layers", 0, layer) != 0;
}

// A GGUF gives sizes of full layers and of those with a window, and which pairs stand still in a tensor of
// divisors.
void ReadGgufLayer(const Config& c, int layer, Gqa* attention) {
  attention->value_is_key = c.FindTensor(fmt::format("blk.{}.attn_v.weight", layer)) == nullptr;
  if (attention->window == 0) return;
  attention->head_dim = c.Int("key_length_swa", attention->head_dim);
  for (const char* key : {"value_length_swa", "rope_dims_swa"})
    if (c.Int(key, attention->head_dim) != attention->head_dim)
      c.Refuse(key, fmt::format("is not {}, the keys' size, which is not supported", attention->head_dim));
  attention->position = Rope{.theta = c.Float("rope_local_base_freq", 1e4f), .dims = attention->head_dim};
}

// Frequencies are spread over the whole head, and only the first of them are used.
Rope FullRope(const Config& c, int head_dim) {
  const float part = std::min(1.0f, c.Float(In(kFullRope, "partial_rotary_factor"), 1));
  const int pairs = static_cast<int>(part * static_cast<float>(head_dim)) / 2;
  return {.theta = c.Float(In(kFullRope, "rope_theta"), 1e6f),
          .dims = head_dim,
          .still_pairs = head_dim / 2 - pairs};
}

Gqa ReadAttention(const Config& c, int layer) {
  Gqa attention = ReadGqa(c, layer, /*interleaved=*/false);
  attention.scale = 1;
  attention.qk_norm = Gqa::QkNorm::kPerHead;
  attention.qk_norm_eps = c.Float("rms_norm_eps");
  attention.value_norm = true;
  if (HasWindow(c, layer)) attention.window = ReadWindow(c);
  if (c.from_gguf()) {
    ReadGgufLayer(c, layer, &attention);
    return attention;
  }
  if (HasWindow(c, layer)) {
    attention.position =
        Rope{.theta = c.Float(In(kLocalRope, "rope_theta"), 1e4f), .dims = attention.head_dim};
    return attention;
  }
  attention.head_dim = c.Int("global_head_dim", attention.head_dim);
  attention.value_is_key = c.Bool("attention_k_eq_v", false);
  if (attention.value_is_key) attention.kv_heads = c.Int("num_global_key_value_heads", attention.kv_heads);
  if (attention.heads % attention.kv_heads != 0)
    c.Refuse("num_global_key_value_heads", "does not divide the heads");
  if (attention.head_dim % 2 != 0) c.Refuse("global_head_dim", "is odd");
  attention.position = FullRope(c, attention.head_dim);
  return attention;
}

Moe ReadMoe(const Config& c, const Norm& norm, Act act) {
  Moe moe{.router =
              ReadRouter(c, "num_experts", c.Has("top_k_experts") ? "top_k_experts" : "num_experts_per_tok"),
          .expert = {.hidden = c.Int("moe_intermediate_size"), .act = act}};
  moe.router.renormalize = true;
  moe.router.expert_scale = true;
  moe.router.norm = norm;
  moe.router.logit_scale = 1 / std::sqrt(static_cast<float>(c.Int("hidden_size")));
  return moe;
}

Desc Build(const Config& c) {
  RefuseVariants(c);
  const Norm norm = RmsNorm(c);
  const Act act = GemmaAct(c);
  const Moe moe = ReadMoe(c, norm, act);
  Desc desc = BaseGemma(c, "gemma4_moe", norm);
  desc.layer_scale = true;
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    const Ffn dense{.hidden = c.Int("intermediate_size", {}, l), .act = act};
    Parallel both{{{.pre = norm, .op = dense, .post = norm}, {.pre = norm, .op = moe, .post = norm}}};
    Layer layer;
    layer.push_back({.pre = norm, .op = ReadAttention(c, l), .post = norm});
    layer.push_back({.pre = {.kind = Norm::Kind::kNone}, .op = std::move(both), .post = norm});
    desc.decoder.layers.push_back(std::move(layer));
  }
  return desc;
}

constexpr auto kHf = std::to_array<Rule>({
    {"embed", "model.language_model.embed_tokens.weight"},
    {"final_norm", "model.language_model.norm.weight"},
    {"head", "lm_head.weight"},
    {"layer_scale", "model.language_model.layers.{L}.layer_scalar"},
    {"attn.norm", "model.language_model.layers.{L}.input_layernorm.weight"},
    {"attn.post_norm", "model.language_model.layers.{L}.post_attention_layernorm.weight"},
    {"attn.q", "model.language_model.layers.{L}.self_attn.q_proj.weight"},
    {"attn.k", "model.language_model.layers.{L}.self_attn.k_proj.weight"},
    {"attn.v", "model.language_model.layers.{L}.self_attn.v_proj.weight"},
    {"attn.o", "model.language_model.layers.{L}.self_attn.o_proj.weight"},
    {"attn.q_norm", "model.language_model.layers.{L}.self_attn.q_norm.weight"},
    {"attn.k_norm", "model.language_model.layers.{L}.self_attn.k_norm.weight"},
    {"mix.post_norm", "model.language_model.layers.{L}.post_feedforward_layernorm.weight"},
    {"ffn.norm", "model.language_model.layers.{L}.pre_feedforward_layernorm.weight"},
    {"ffn.post_norm", "model.language_model.layers.{L}.post_feedforward_layernorm_1.weight"},
    {"ffn.gate", "model.language_model.layers.{L}.mlp.gate_proj.weight"},
    {"ffn.up", "model.language_model.layers.{L}.mlp.up_proj.weight"},
    {"ffn.down", "model.language_model.layers.{L}.mlp.down_proj.weight"},
    {"moe.norm", "model.language_model.layers.{L}.pre_feedforward_layernorm_2.weight"},
    {"moe.post_norm", "model.language_model.layers.{L}.post_feedforward_layernorm_2.weight"},
    {"moe.router", "model.language_model.layers.{L}.router.proj.weight"},
    {"moe.router_norm", "model.language_model.layers.{L}.router.scale"},
    {"moe.expert_scale", "model.language_model.layers.{L}.router.per_expert_scale"},
    {"moe.expert.gate", "model.language_model.layers.{L}.experts.gate_up_proj", Rule::Fix::kFirstHalf},
    {"moe.expert.up", "model.language_model.layers.{L}.experts.gate_up_proj", Rule::Fix::kSecondHalf},
    {"moe.expert.down", "model.language_model.layers.{L}.experts.down_proj"},
});
constexpr auto kGgufOwn = std::to_array<Rule>({
    {"layer_scale", "blk.{L}.layer_output_scale.weight"},
    {"attn.post_norm", "blk.{L}.post_attention_norm.weight"},
    {"mix.post_norm", "blk.{L}.post_ffw_norm.weight"},
    {"ffn.post_norm", "blk.{L}.post_ffw_norm_1.weight"},
    {"moe.norm", "blk.{L}.pre_ffw_norm_2.weight"},
    {"moe.post_norm", "blk.{L}.post_ffw_norm_2.weight"},
    {"moe.router_norm", "blk.{L}.ffn_gate_inp.scale"},
    {"moe.expert_scale", "blk.{L}.ffn_down_exps.scale"},
});
constexpr auto kGguf = Join(kGgufOwn, kGgufModel, kGgufGqa, kGgufFfn, kGgufExperts);
// Other variants' embeddings of every layer, and layers that borrow keys and values: there are none.
constexpr Family::GgufNumber kGgufNumbers[] = {{"embedding_length_per_layer_input", 0},
                                               {"attention.shared_kv_layers", 0}};
constexpr std::string_view kTypes[] = {"gemma4"};
constexpr std::string_view kArchs[] = {"gemma4"};
constexpr std::string_view kSkip[] = {"model.vision_tower.*", "model.embed_vision.*", "model.audio_tower.*",
                                      "model.embed_audio.*"};

}  // namespace

constinit const Family kGemma4Moe{
    "gemma4_moe", kTypes, kArchs, nullptr, Build, kHf, kGguf, kSkip, /*gguf_turns_heads=*/false,
    kGgufNumbers};

}  // namespace sluice::model
