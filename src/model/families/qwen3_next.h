// What the families with a gated delta net have in common: three layers of four keep a state, the others see
// every token; each has experts.
#pragma once

#include "model/families/common.h"

namespace sluice::model {

// `tiled`: value head h goes with key head h % key heads.
Desc BuildLinearHybrid(const Config& config, std::string_view family, bool tiled);

inline constexpr auto kHfDelta = std::to_array<Rule>({
    {"attn.conv", "model.layers.{L}.linear_attn.conv1d.weight", Rule::Fix::kTranspose},
    {"attn.rate", "model.layers.{L}.linear_attn.A_log"},
    {"attn.rate_bias", "model.layers.{L}.linear_attn.dt_bias"},
    {"attn.out_norm", "model.layers.{L}.linear_attn.norm.weight"},
    {"attn.o", "model.layers.{L}.linear_attn.out_proj.weight"},
});
inline constexpr auto kHfGatedShared = std::to_array<Rule>({
    {"moe.shared.gate", "model.layers.{L}.mlp.shared_expert.gate_proj.weight"},
    {"moe.shared.up", "model.layers.{L}.mlp.shared_expert.up_proj.weight"},
    {"moe.shared.down", "model.layers.{L}.mlp.shared_expert.down_proj.weight"},
    {"moe.shared_gate", "model.layers.{L}.mlp.shared_expert_gate.weight"},
});
inline constexpr auto kGgufDeltaNorms = std::to_array<Rule>({
    {"ffn.norm", "blk.{L}.post_attention_norm.weight"},
    {"moe.norm", "blk.{L}.post_attention_norm.weight"},
});
inline constexpr auto kGgufDelta = std::to_array<Rule>({
    {"moe.shared_gate", "blk.{L}.ffn_gate_inp_shexp.weight"},
    {"attn.z", "blk.{L}.attn_gate.weight"},
    {"attn.conv", "blk.{L}.ssm_conv1d.weight", Rule::Fix::kTranspose},
    {"attn.rate", "blk.{L}.ssm_a"},
    {"attn.rate_bias", "blk.{L}.ssm_dt.bias"},
    {"attn.out_norm", "blk.{L}.ssm_norm.weight"},
    {"attn.o", "blk.{L}.ssm_out.weight"},
});

}  // namespace sluice::model
