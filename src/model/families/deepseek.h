// What DeepSeek's generations share: latent attention, a few dense layers first, shared experts.
#pragma once

#include "model/families/common.h"

namespace sluice::model {

// `router` is the generation's own.
Desc BuildDeepSeek(const Config& config, std::string_view family, const Router& router);
// Experts and top-k; weights not normalised yet.
Router ReadDeepSeekRouter(const Config& config);
// n_group and topk_group, checked; nothing where there is one group.
std::optional<Router::Groups> ReadGroups(const Config& config, const Router& router, Router::Groups::By by);
// As the third generation routes: sigmoid scores, a bias for the choice alone, groups by their two best
// experts.
Router ReadDeepSeekV3Router(const Config& config);
// Gives each layer an indexer, or the choice of the one before; `interleaved` is how the indexer rotates.
void AddIndexers(const Config& config, bool interleaved, Desc* desc);
// A GGUF holds one architecture for all generations; only the later ones score by sigmoid.
bool ScoresBySigmoid(const Config& config);

inline constexpr std::string_view kDeepSeekArchs[] = {"deepseek2"};

inline constexpr auto kHfLatent = std::to_array<Rule>({
    {"attn.q", "model.layers.{L}.self_attn.q_proj.weight"},
    {"attn.q_a", "model.layers.{L}.self_attn.q_a_proj.weight"},
    {"attn.q_a_norm", "model.layers.{L}.self_attn.q_a_layernorm.weight"},
    {"attn.q_b", "model.layers.{L}.self_attn.q_b_proj.weight"},
    {"attn.kv_a", "model.layers.{L}.self_attn.kv_a_proj_with_mqa.weight"},
    {"attn.kv_a_norm", "model.layers.{L}.self_attn.kv_a_layernorm.weight"},
    {"attn.kv_b", "model.layers.{L}.self_attn.kv_b_proj.weight"},
    {"attn.o", "model.layers.{L}.self_attn.o_proj.weight"},
    {"moe.selection_bias", "model.layers.{L}.mlp.gate.e_score_correction_bias"},
});
inline constexpr auto kHfIndexer = std::to_array<Rule>({
    {"attn.index_q", "model.layers.{L}.self_attn.indexer.wq_b.weight"},
    {"attn.index_k", "model.layers.{L}.self_attn.indexer.wk.weight"},
    {"attn.index_k_norm", "model.layers.{L}.self_attn.indexer.k_norm.weight"},
    {"attn.index_weights", "model.layers.{L}.self_attn.indexer.weights_proj.weight"},
});
inline constexpr auto kGgufIndexer = std::to_array<Rule>({
    {"attn.index_q", "blk.{L}.indexer.attn_q_b.weight"},
    {"attn.index_k", "blk.{L}.indexer.attn_k.weight"},
    {"attn.index_k_norm", "blk.{L}.indexer.k_norm.weight"},
    {"attn.index_weights", "blk.{L}.indexer.proj.weight"},
});
inline constexpr auto kGgufLatent = std::to_array<Rule>({
    {"attn.q", "blk.{L}.attn_q.weight"},
    {"attn.q_a", "blk.{L}.attn_q_a.weight"},
    {"attn.q_a_norm", "blk.{L}.attn_q_a_norm.weight"},
    {"attn.q_b", "blk.{L}.attn_q_b.weight"},
    {"attn.kv_a", "blk.{L}.attn_kv_a_mqa.weight"},
    {"attn.kv_a_norm", "blk.{L}.attn_kv_a_norm.weight"},
    {"attn.kv_b", "blk.{L}.attn_kv_b.weight"},
    {"attn.k_b", "blk.{L}.attn_k_b.weight"},
    {"attn.v_b", "blk.{L}.attn_v_b.weight"},
    {"attn.o", "blk.{L}.attn_output.weight"},
    {"moe.selection_bias", "blk.{L}.exp_probs_b.bias"},
});
inline constexpr auto kDeepSeekHf = Join(kHfModel, kHfLatent, kHfFfn, kHfExperts, kHfSharedExperts);
inline constexpr auto kDeepSeekGguf =
    Join(kGgufModel, kGgufLatent, kGgufFfn, kGgufExperts, kGgufSharedExperts);

// The layers after the last predict further tokens; some converters keep the joined attn_kv_b beside its two
// parts.
inline constexpr auto kDeepSeekSkip = std::to_array<std::string_view>({
    "*.rotary_emb.inv_freq",
    "model.layers.{N}.*",
    "blk.{N}.*",
    "blk.*.attn_kv_b.weight",
});

}  // namespace sluice::model
