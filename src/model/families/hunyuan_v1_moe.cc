// Hunyuan-A13B: q and k normalised after the rotation, an expert that every token uses beside the routed
// ones.
#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

void RefuseVariants(const Config& c) {
  for (const char* flag :
       {"use_cla", "use_mla", "mlp_bias", "group_limited_greedy", "position_embedding_xdrope"})
    c.RefuseIfTrue(flag);
  c.RequireOneOf("norm_type", {"rms"});
  if (c.Int("moe_layer_num_skipped", 0) != 0)
    c.Refuse("moe_layer_num_skipped", "is not 0, which is not supported");
  if (c.Float("routed_scaling_factor", 1) != 1)
    c.Refuse("routed_scaling_factor", "is not 1, which is not supported");
}

Moe ReadMoe(const Config& c, int layer) {
  const std::string_view width =
      c.Has("moe_intermediate_size") ? "moe_intermediate_size" : "intermediate_size";
  Moe moe{.router = ReadRouter(c, "num_experts", "moe_topk", layer),
          .expert = {.hidden = c.Int(width, {}, layer), .act = HiddenAct(c)}};
  moe.router.renormalize = true;
  const Ffn shared{.hidden = c.Int("intermediate_size"), .act = HiddenAct(c)};
  if (c.from_gguf()) {
    moe.shared = Ffn{.hidden = ReadSharedExpertWidth(c), .act = HiddenAct(c)};
    return moe;
  }
  if (c.Bool("use_mixed_mlp_moe", true)) moe.shared = SharedExpert(c, "num_shared_expert", shared, layer);
  return moe;
}

Desc Build(const Config& c) {
  RefuseVariants(c);
  Desc desc = BaseDesc(c, "hunyuan_v1_moe");
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    Gqa attention = ReadGqa(c, l, /*interleaved=*/false);
    attention.qkv_bias = attention.out_bias = c.Bool("attention_bias", false);
    if (c.Bool("use_qk_norm", true)) attention.qk_norm = Gqa::QkNorm::kPerHead;
    attention.qk_norm_eps = RmsNorm(c).eps;
    attention.norm_after_rope = true;
    desc.decoder.layers.push_back(AttentionThen(RmsNorm(c), attention, ReadMoe(c, l)));
  }
  return desc;
}

constexpr auto kOwn = std::to_array<Rule>({
    {"attn.q_norm", "model.layers.{L}.self_attn.query_layernorm.weight"},
    {"attn.k_norm", "model.layers.{L}.self_attn.key_layernorm.weight"},
    {"moe.router", "model.layers.{L}.mlp.gate.wg.weight"},
    {"moe.shared.gate", "model.layers.{L}.mlp.shared_mlp.gate_proj.weight"},
    {"moe.shared.up", "model.layers.{L}.mlp.shared_mlp.up_proj.weight"},
    {"moe.shared.down", "model.layers.{L}.mlp.shared_mlp.down_proj.weight"},
});
constexpr std::string_view kTypes[] = {"hunyuan_v1_moe"};
constexpr std::string_view kArchs[] = {"hunyuan-moe"};
constexpr auto kGguf = Join(kGgufModel, kGgufGqa, kGgufExperts, kGgufSharedExperts);
constexpr auto kHf = Join(kHfModel, kHfGqa, kHfExperts, kOwn);

}  // namespace

constinit const Family kHunyuanV1Moe{"hunyuan_v1_moe", kTypes, kArchs, nullptr, Build, kHf, kGguf,
                                     kSkipRopeBuffers};

}  // namespace sluice::model
