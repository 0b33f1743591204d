// DBRX: LayerNorm without bias; q, k and v in one matrix, clipped; experts one below the other.
#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

Desc Build(const Config& c) {
  const Norm norm{.kind = Norm::Kind::kLayer, .eps = c.Float("layer_norm_eps", 1e-5f)};
  const std::string_view act_key = "ffn_config.ffn_act_fn.name";
  Moe moe{.router = ReadRouter(c, "num_experts"),
          .expert = {.hidden = c.Int("intermediate_size"), .act = HiddenAct(c, act_key)}};
  const std::string_view norm_key = "ffn_config.moe_normalize_expert_weights";
  moe.router.renormalize = true;
  moe.router.norm_p = c.Float(norm_key, 1);
  Desc desc = BaseDesc(c, "dbrx", norm);
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    Gqa attention = ReadGqa(c, l, /*interleaved=*/false);
    attention.clip = c.Float("clip_qkv", 0);
    desc.decoder.layers.push_back(AttentionThen(norm, attention, moe));
  }
  return desc;
}

constexpr auto kHf = std::to_array<Rule>({
    {"embed", "transformer.wte.weight"},
    {"final_norm", "transformer.norm_f.weight"},
    {"head", "lm_head.weight"},
    {"attn.norm", "transformer.blocks.{L}.norm_attn_norm.norm_1.weight"},
    {"attn.q", "transformer.blocks.{L}.norm_attn_norm.attn.Wqkv.weight", Rule::Fix::kFusedQ},
    {"attn.k", "transformer.blocks.{L}.norm_attn_norm.attn.Wqkv.weight", Rule::Fix::kFusedK},
    {"attn.v", "transformer.blocks.{L}.norm_attn_norm.attn.Wqkv.weight", Rule::Fix::kFusedV},
    {"attn.o", "transformer.blocks.{L}.norm_attn_norm.attn.out_proj.weight"},
    {"moe.norm", "transformer.blocks.{L}.norm_attn_norm.norm_2.weight"},
    {"moe.router", "transformer.blocks.{L}.ffn.router.layer.weight"},
    {"moe.expert.gate", "transformer.blocks.{L}.ffn.experts.mlp.w1", Rule::Fix::kExpertRows},
    {"moe.expert.up", "transformer.blocks.{L}.ffn.experts.mlp.v1", Rule::Fix::kExpertRows},
    {"moe.expert.down", "transformer.blocks.{L}.ffn.experts.mlp.w2", Rule::Fix::kTransposedExpertRows},
});
constexpr auto kGgufOwn = std::to_array<Rule>({
    {"moe.norm", "blk.{L}.attn_output_norm.weight"},
    {"attn.q", "blk.{L}.attn_qkv.weight", Rule::Fix::kFusedQ},
    {"attn.k", "blk.{L}.attn_qkv.weight", Rule::Fix::kFusedK},
    {"attn.v", "blk.{L}.attn_qkv.weight", Rule::Fix::kFusedV},
});
constexpr std::string_view kNames[] = {"dbrx"};
constexpr auto kGguf = Join(kGgufOwn, kGgufModel, kGgufGqa, kGgufExperts);

}  // namespace

constinit const Family kDbrx{"dbrx", kNames, kNames, nullptr, Build, kHf, kGguf, kSkipRopeBuffers};

}  // namespace sluice::model
