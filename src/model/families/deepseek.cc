#include "model/families/deepseek.h"

#include <fmt/format.h>

#include <cmath>

#include "model/rope.h"

namespace sluice::model {
namespace {

struct HeadDims {
  int nope = 0, rope = 0, value = 0;
};

HeadDims ReadHeadDims(const Config& c) {
  if (!c.from_gguf()) return {c.Int("qk_nope_head_dim"), c.Int("qk_rope_head_dim"), c.Int("v_head_dim")};
  // Files since April 2025 give the compressed widths in key_length and value_length and the heads' in *_mla.
  const bool compressed = c.Has("key_length_mla");
  const std::string_view key = compressed ? "key_length_mla" : "key_length";
  const int rope = c.Int("rope_dims"), whole = c.Int(key);
  if (whole <= rope) {
    c.Refuse(key, fmt::format("is {}, not more than its {} rotated elements", whole, rope));
    return {1, rope, 1};
  }
  return {whole - rope, rope, c.Int(compressed ? "value_length_mla" : "value_length")};
}

int ReadQueryRank(const Config& c) {
  if (c.from_gguf() && !c.FindTensor("blk.0.attn_q_a.weight")) return 0;
  return c.Int("q_lora_rank", 0);
}

Mla ReadMla(const Config& c) {
  const HeadDims dims = ReadHeadDims(c);
  if (dims.rope % 2 != 0) c.Refuse(c.from_gguf() ? "rope_dims" : "qk_rope_head_dim", "is odd");
  const double stretch = ReadAttentionStretch(c);
  return {
      .heads = c.Int("num_attention_heads"),
      .q_rank = ReadQueryRank(c),
      .kv_rank = c.Int("kv_lora_rank"),
      .nope_dim = dims.nope,
      .rope_dim = dims.rope,
      .v_dim = dims.value,
      .rope = ReadRope(c, {.dims = dims.rope, .interleaved = c.Bool("rope_interleave", true)}),
      .scale = static_cast<float>(stretch * stretch / std::sqrt(static_cast<double>(dims.nope + dims.rope))),
      .latent_norm_eps = 1e-6f};
}

bool IsSparse(const Config& c, int layer) {
  const int first = c.Int("first_k_dense_replace", 0), step = c.Int("moe_layer_freq", 1);
  const bool by_rule = layer >= first && layer % step == 0;
  if (!c.Has("mlp_layer_types")) return by_rule;
  const bool sparse = c.ListChoice("mlp_layer_types", layer, {"dense", "sparse"}) == "sparse";
  if (sparse != by_rule && c.Has("first_k_dense_replace"))
    c.Refuse("mlp_layer_types",
             fmt::format("contradicts first_k_dense_replace and moe_layer_freq for layer {}", layer));
  return sparse;
}

}  // namespace

bool ScoresBySigmoid(const Config& config) {
  constexpr int kSigmoid = 2;
  return config.Int("gating_function", 1) == kSigmoid;
}

Router ReadDeepSeekRouter(const Config& config) {
  if (config.Int("gating_function", 1) > 2)
    config.Refuse("gating_function", "is neither 1 (softmax) nor 2 (sigmoid)");
  Router router = ReadRouter(config, "n_routed_experts");
  router.scale = config.Float("routed_scaling_factor", 1);
  return router;
}

std::optional<Router::Groups> ReadGroups(const Config& config, const Router& router, Router::Groups::By by) {
  const int count = config.Int("n_group", 1);
  if (count <= 1) return {};
  const int keep = config.Int("topk_group"), size = router.experts / count;
  if (router.experts % count != 0) {
    config.Refuse("n_group",
                  fmt::format("is {}, which does not divide the {} experts", count, router.experts));
  } else if (by == Router::Groups::By::kTop2Sum && size < 2) {
    config.Refuse("n_group", fmt::format("is {}: groups of one expert have no two best", count));
  } else if (keep > count || keep * size < router.top_k) {
    config.Refuse("topk_group",
                  fmt::format("is {}: {} of {} groups with {} experts each cannot give {} experts", keep,
                              keep, count, size, router.top_k));
  }
  return Router::Groups{.count = count, .keep = keep, .by = by};
}

Router ReadDeepSeekV3Router(const Config& c) {
  c.RequireOneOf("scoring_func", {"sigmoid"});
  c.RequireOneOf("topk_method", {"noaux_tc"});
  Router router = ReadDeepSeekRouter(c);
  router.score = Router::Score::kSigmoid;
  router.renormalize = c.Bool("norm_topk_prob", !c.from_gguf()) && router.top_k > 1;
  router.selection_bias = HasSelectionBias(c);
  router.groups = ReadGroups(c, router, Router::Groups::By::kTop2Sum);
  return router;
}

Desc BuildDeepSeek(const Config& c, std::string_view family, const Router& router) {
  c.RefuseIfTrue("attention_bias");
  const Act act = HiddenAct(c);
  const Ffn dense{.hidden = c.Int("intermediate_size"), .act = act};
  const Ffn expert{.hidden = c.Int("moe_intermediate_size"), .act = act};
  Moe moe{.router = router, .expert = expert};
  moe.shared = SharedExpert(c, "n_shared_experts", expert);
  const Mla attention = ReadMla(c);
  const Norm norm = RmsNorm(c);
  Desc desc = BaseDesc(c, family);
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    desc.decoder.layers.push_back(IsSparse(c, l) ? AttentionThen(norm, attention, moe)
                                                 : AttentionThen(norm, attention, dense));
  }
  return desc;
}

}  // namespace sluice::model
