// Qwen3.5-MoE, its text part: a gated delta net with q, k and v in one matrix. All sections of its positions
// are alike for text, so that rotation is the usual one.
#include "model/families/list.h"
#include "model/families/qwen3_next.h"

namespace sluice::model {
namespace {

// GGUF has value heads in another order.
Desc Build(const Config& c) {
  Desc desc = BuildLinearHybrid(c, "qwen3_5_moe", /*tiled=*/c.from_gguf());
  const std::array<int, 3> sections = {c.Int("mrope_section", 11, 0), c.Int("mrope_section", 11, 1),
                                       c.Int("mrope_section", 10, 2)};
  for (Layer& layer : desc.decoder.layers)
    if (auto* attention = std::get_if<Gqa>(&layer.front().op))
      std::get<Rope>(attention->position).sections = sections;
  return desc;
}

// As published, beside a part that sees.
constexpr auto kNested = std::to_array<Rule>({
    {"embed", "model.language_model.embed_tokens.weight"},
    {"final_norm", "model.language_model.norm.weight"},
    {"attn.norm", "model.language_model.layers.{L}.input_layernorm.weight"},
    {"ffn.norm", "model.language_model.layers.{L}.post_attention_layernorm.weight"},
    {"moe.norm", "model.language_model.layers.{L}.post_attention_layernorm.weight"},
    {"attn.q", "model.language_model.layers.{L}.self_attn.q_proj.weight"},
    {"attn.k", "model.language_model.layers.{L}.self_attn.k_proj.weight"},
    {"attn.v", "model.language_model.layers.{L}.self_attn.v_proj.weight"},
    {"attn.o", "model.language_model.layers.{L}.self_attn.o_proj.weight"},
    {"attn.q_norm", "model.language_model.layers.{L}.self_attn.q_norm.weight"},
    {"attn.k_norm", "model.language_model.layers.{L}.self_attn.k_norm.weight"},
    {"attn.q", "model.language_model.layers.{L}.linear_attn.in_proj_qkv.weight", Rule::Fix::kFusedQ},
    {"attn.k", "model.language_model.layers.{L}.linear_attn.in_proj_qkv.weight", Rule::Fix::kFusedK},
    {"attn.v", "model.language_model.layers.{L}.linear_attn.in_proj_qkv.weight", Rule::Fix::kFusedV},
    {"attn.z", "model.language_model.layers.{L}.linear_attn.in_proj_z.weight"},
    {"attn.beta", "model.language_model.layers.{L}.linear_attn.in_proj_b.weight"},
    {"attn.decay", "model.language_model.layers.{L}.linear_attn.in_proj_a.weight"},
    {"attn.conv", "model.language_model.layers.{L}.linear_attn.conv1d.weight", Rule::Fix::kTranspose},
    {"attn.rate", "model.language_model.layers.{L}.linear_attn.A_log"},
    {"attn.rate_bias", "model.language_model.layers.{L}.linear_attn.dt_bias"},
    {"attn.out_norm", "model.language_model.layers.{L}.linear_attn.norm.weight"},
    {"attn.o", "model.language_model.layers.{L}.linear_attn.out_proj.weight"},
    {"ffn.gate", "model.language_model.layers.{L}.mlp.gate_proj.weight"},
    {"ffn.up", "model.language_model.layers.{L}.mlp.up_proj.weight"},
    {"ffn.down", "model.language_model.layers.{L}.mlp.down_proj.weight"},
    {"moe.router", "model.language_model.layers.{L}.mlp.gate.weight"},
    {"moe.expert.gate", "model.language_model.layers.{L}.mlp.experts.gate_up_proj", Rule::Fix::kFirstHalf},
    {"moe.expert.gate", "model.language_model.layers.{L}.mlp.experts.{E}.gate_proj.weight"},
    {"moe.expert.up", "model.language_model.layers.{L}.mlp.experts.gate_up_proj", Rule::Fix::kSecondHalf},
    {"moe.expert.up", "model.language_model.layers.{L}.mlp.experts.{E}.up_proj.weight"},
    {"moe.expert.down", "model.language_model.layers.{L}.mlp.experts.down_proj"},
    {"moe.expert.down", "model.language_model.layers.{L}.mlp.experts.{E}.down_proj.weight"},
    {"moe.shared.gate", "model.language_model.layers.{L}.mlp.shared_expert.gate_proj.weight"},
    {"moe.shared.up", "model.language_model.layers.{L}.mlp.shared_expert.up_proj.weight"},
    {"moe.shared.down", "model.language_model.layers.{L}.mlp.shared_expert.down_proj.weight"},
    {"moe.shared_gate", "model.language_model.layers.{L}.mlp.shared_expert_gate.weight"},
});
constexpr auto kText = std::to_array<Rule>({
    {"attn.q", "model.layers.{L}.linear_attn.in_proj_qkv.weight", Rule::Fix::kFusedQ},
    {"attn.k", "model.layers.{L}.linear_attn.in_proj_qkv.weight", Rule::Fix::kFusedK},
    {"attn.v", "model.layers.{L}.linear_attn.in_proj_qkv.weight", Rule::Fix::kFusedV},
    {"attn.z", "model.layers.{L}.linear_attn.in_proj_z.weight"},
    {"attn.beta", "model.layers.{L}.linear_attn.in_proj_b.weight"},
    {"attn.decay", "model.layers.{L}.linear_attn.in_proj_a.weight"},
});
constexpr auto kGgufOwn = std::to_array<Rule>({
    {"attn.beta", "blk.{L}.ssm_beta.weight"},
    {"attn.decay", "blk.{L}.ssm_alpha.weight"},
});
constexpr std::string_view kTypes[] = {"qwen3_5_moe", "qwen3_5_moe_text"};
constexpr std::string_view kArchs[] = {"qwen35moe"};
constexpr auto kHf = Join(kHfModel, kHfGqa, kHfFfn, kHfExperts, kHfGatedShared, kHfDelta, kText, kNested);
constexpr auto kGguf = Join(kGgufDeltaNorms, kGgufModel, kGgufGqa, kGgufFfn, kGgufExperts, kGgufSharedExperts,
                            kGgufDelta, kGgufOwn);
// What sees, and what predicts further tokens.
constexpr std::string_view kSkip[] = {"*.rotary_emb.inv_freq", "model.visual.*", "mtp.*", "model.mtp.*",
                                      "blk.{N}.*"};

}  // namespace

constinit const Family kQwen35Moe{"qwen3_5_moe", kTypes, kArchs, nullptr, Build, kHf, kGguf, kSkip};

}  // namespace sluice::model
