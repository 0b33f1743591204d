// What most families have in common: the shape that Llama gave them.
#pragma once

#include <algorithm>
#include <array>

#include "model/config.h"
#include "model/desc.h"
#include "model/family.h"

namespace sluice::model {

// Model-wide values, no layers yet.
Desc BaseDesc(const Config& config, std::string_view family, const Norm& final_norm);
Desc BaseDesc(const Config& config, std::string_view family);  // ends with RmsNorm
Norm RmsNorm(const Config& config);
Act HiddenAct(const Config& config, std::string_view key = "hidden_act");
Act NamedAct(const Config& config, std::string_view key, std::string_view name);  // `key`: for messages

struct RopeOptions {
  int dims = 0;
  bool interleaved = false;
};
// Theta and scaling. A scaling that nobody implemented is refused by name.
Rope ReadRope(const Config& config, const RopeOptions& options);
// YaRN's growth of attention by mscale_all_dim, whose square multiplies the scale of latent attention; 1
// without YaRN.
float ReadAttentionStretch(const Config& config);

// Grouped-query attention without biases; heads and their size checked. `layer` matters where the file has a
// list.
Gqa ReadGqa(const Config& config, int layer, bool interleaved);
// `sliding_window` for every layer; 0 if null or absent.
int ReadWindow(const Config& config);
// The window of a layer where `use_sliding_window` turns it on and the first `max_window_layers` see
// everything.
int ReadLayerWindow(const Config& config, int layer);

// softmax, top-k; the number of experts is under `experts_key`. `layer` matters where the file has lists.
Router ReadRouter(const Config& config, std::string_view experts_key,
                  std::string_view top_k_key = "num_experts_per_tok", int layer = 0);
// `count` shared experts, each `width` wide, as one; nothing where there are none.
std::optional<Ffn> SharedExpert(const Config& config, std::string_view count_key, const Ffn& expert,
                                int layer = 0);

// Widths that old GGUF files leave to be worked out.
int ReadExpertWidth(const Config& config);
int ReadSharedExpertWidth(const Config& config);

Layer AttentionThen(const Norm& norm, decltype(Branch::op) attention, decltype(Branch::op) feed_forward);

// Whether experts are chosen with a bias: always, but in a GGUF only where the tensor is there.
bool HasSelectionBias(const Config& config);

// An expert layer unless the lists say otherwise; a GGUF has no lists, but the dense layers' tensors.
bool IsSparseLayer(const Config& config, int layer);

template <size_t... N>
constexpr auto Join(const std::array<Rule, N>&... tables) {
  std::array<Rule, (N + ...)> all{};
  size_t at = 0;
  ((std::copy(tables.begin(), tables.end(), all.begin() + at), at += N), ...);
  return all;
}

inline constexpr auto kHfModel = std::to_array<Rule>({
    {"embed", "model.embed_tokens.weight"},
    {"final_norm", "model.norm.weight"},
    {"head", "lm_head.weight"},
    {"attn.norm", "model.layers.{L}.input_layernorm.weight"},
    {"ffn.norm", "model.layers.{L}.post_attention_layernorm.weight"},
    {"moe.norm", "model.layers.{L}.post_attention_layernorm.weight"},
});
inline constexpr auto kHfGqa = std::to_array<Rule>({
    {"attn.q", "model.layers.{L}.self_attn.q_proj.weight"},
    {"attn.k", "model.layers.{L}.self_attn.k_proj.weight"},
    {"attn.v", "model.layers.{L}.self_attn.v_proj.weight"},
    {"attn.o", "model.layers.{L}.self_attn.o_proj.weight"},
    {"attn.q_norm", "model.layers.{L}.self_attn.q_norm.weight"},
    {"attn.k_norm", "model.layers.{L}.self_attn.k_norm.weight"},
});
inline constexpr auto kHfFfn = std::to_array<Rule>({
    {"ffn.gate", "model.layers.{L}.mlp.gate_proj.weight"},
    {"ffn.up", "model.layers.{L}.mlp.up_proj.weight"},
    {"ffn.down", "model.layers.{L}.mlp.down_proj.weight"},
});
// One tensor for each expert as published, or stacked with gate and up merged as newer tools save them.
inline constexpr auto kHfExperts = std::to_array<Rule>({
    {"moe.router", "model.layers.{L}.mlp.gate.weight"},
    {"moe.expert.gate", "model.layers.{L}.mlp.experts.{E}.gate_proj.weight"},
    {"moe.expert.gate", "model.layers.{L}.mlp.experts.gate_up_proj", Rule::Fix::kFirstHalf},
    {"moe.expert.up", "model.layers.{L}.mlp.experts.{E}.up_proj.weight"},
    {"moe.expert.up", "model.layers.{L}.mlp.experts.gate_up_proj", Rule::Fix::kSecondHalf},
    {"moe.expert.down", "model.layers.{L}.mlp.experts.{E}.down_proj.weight"},
    {"moe.expert.down", "model.layers.{L}.mlp.experts.down_proj"},
});

// As Mixtral named them.
inline constexpr auto kHfSparseBlock = std::to_array<Rule>({
    {"moe.router", "model.layers.{L}.block_sparse_moe.gate.weight"},
    {"moe.expert.gate", "model.layers.{L}.block_sparse_moe.experts.{E}.w1.weight"},
    {"moe.expert.up", "model.layers.{L}.block_sparse_moe.experts.{E}.w3.weight"},
    {"moe.expert.down", "model.layers.{L}.block_sparse_moe.experts.{E}.w2.weight"},
});
inline constexpr auto kHfSharedExperts = std::to_array<Rule>({
    {"moe.shared.gate", "model.layers.{L}.mlp.shared_experts.gate_proj.weight"},
    {"moe.shared.up", "model.layers.{L}.mlp.shared_experts.up_proj.weight"},
    {"moe.shared.down", "model.layers.{L}.mlp.shared_experts.down_proj.weight"},
});

inline constexpr auto kGgufModel = std::to_array<Rule>({
    {"embed", "token_embd.weight"},
    {"final_norm", "output_norm.weight"},
    {"head", "output.weight"},
    {"rope_factors", "rope_freqs.weight"},
    {"attn.norm", "blk.{L}.attn_norm.weight"},
    {"ffn.norm", "blk.{L}.ffn_norm.weight"},
    {"moe.norm", "blk.{L}.ffn_norm.weight"},
});
inline constexpr auto kGgufGqa = std::to_array<Rule>({
    {"attn.q", "blk.{L}.attn_q.weight"},
    {"attn.q", "blk.{L}.attn_qkv.weight", Rule::Fix::kFusedQ},
    {"attn.k", "blk.{L}.attn_k.weight"},
    {"attn.k", "blk.{L}.attn_qkv.weight", Rule::Fix::kFusedK},
    {"attn.v", "blk.{L}.attn_v.weight"},
    {"attn.v", "blk.{L}.attn_qkv.weight", Rule::Fix::kFusedV},
    {"attn.o", "blk.{L}.attn_output.weight"},
    {"attn.q_norm", "blk.{L}.attn_q_norm.weight"},
    {"attn.k_norm", "blk.{L}.attn_k_norm.weight"},
});
inline constexpr auto kGgufFfn = std::to_array<Rule>({
    {"ffn.gate", "blk.{L}.ffn_gate.weight"},
    {"ffn.up", "blk.{L}.ffn_up.weight"},
    {"ffn.down", "blk.{L}.ffn_down.weight"},
});
// Stacked, stacked with gate and up merged, and one tensor for each expert as files had it until April 2024.
inline constexpr auto kGgufExperts = std::to_array<Rule>({
    {"moe.router", "blk.{L}.ffn_gate_inp.weight"},
    {"moe.expert.gate", "blk.{L}.ffn_gate_exps.weight"},
    {"moe.expert.gate", "blk.{L}.ffn_gate_up_exps.weight", Rule::Fix::kFirstHalf},
    {"moe.expert.gate", "blk.{L}.ffn_gate.{E}.weight"},
    {"moe.expert.up", "blk.{L}.ffn_up_exps.weight"},
    {"moe.expert.up", "blk.{L}.ffn_gate_up_exps.weight", Rule::Fix::kSecondHalf},
    {"moe.expert.up", "blk.{L}.ffn_up.{E}.weight"},
    {"moe.expert.down", "blk.{L}.ffn_down_exps.weight"},
    {"moe.expert.down", "blk.{L}.ffn_down.{E}.weight"},
});

inline constexpr auto kGgufSharedExperts = std::to_array<Rule>({
    {"moe.shared.gate", "blk.{L}.ffn_gate_shexp.weight"},
    {"moe.shared.up", "blk.{L}.ffn_up_shexp.weight"},
    {"moe.shared.down", "blk.{L}.ffn_down_shexp.weight"},
});

inline constexpr auto kGgufSelectionBias = std::to_array<Rule>({
    {"moe.selection_bias", "blk.{L}.exp_probs_b.bias"},
});
// Four norms in a layer.
inline constexpr auto kGgufPostNorms = std::to_array<Rule>({
    {"attn.post_norm", "blk.{L}.post_attention_norm.weight"},
    {"ffn.post_norm", "blk.{L}.post_ffw_norm.weight"},
});

// Buffers that old files carry and that are computed here.
inline constexpr auto kSkipRopeBuffers = std::to_array<std::string_view>({
    "*.rotary_emb.inv_freq",
    "blk.*.attn_rot_embd.weight",
});

}  // namespace sluice::model
