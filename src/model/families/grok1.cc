// Grok-1: a norm before and after attention and experts, scores capped, weights of the chosen as the softmax
// gives them. Two ports name the tensors differently.
#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

struct Scales {
  float embedding = 78.38367176906169f, attention = 0.08838834764831845f, logits = 0.5773502691896257f,
        cap = 30;
};
// Old GGUF files leave them to the reader.
Scales ReadScales(const Config& c) {
  const Scales usual;
  if (c.from_gguf()) {
    return {c.Float("embedding_scale", usual.embedding), c.Float("attention_scale", usual.attention),
            c.Float("logit_scale", usual.logits), c.Float("attn_logit_softcapping", usual.cap)};
  }
  return {c.Float("embedding_multiplier_scale"), c.Float("attn_output_multiplier"),
          c.Float("output_multiplier_scale"), c.Float("max_attn_value", usual.cap)};
}

Desc Build(const Config& c) {
  const Scales scales = ReadScales(c);
  const std::string_view experts = c.Has("num_experts") ? "num_experts" : "num_local_experts";
  // The published arithmetic approximates GELU by tanh, whatever a port's configuration calls it.
  const Moe moe{.router = ReadRouter(c, experts),
                .expert = {.hidden = c.Int("intermediate_size"), .act = Act::kGeluTanh}};
  Desc desc = BaseDesc(c, "grok1");
  desc.embed_scale = scales.embedding;
  desc.logit_scale = scales.logits;
  desc.logit_cap = c.Float("final_logit_softcapping", 0);
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    Gqa attention = ReadGqa(c, l, /*interleaved=*/false);
    attention.scale = scales.attention;
    attention.logit_cap = scales.cap;
    Layer layer = AttentionThen(RmsNorm(c), attention, moe);
    for (Branch& branch : layer) branch.post = RmsNorm(c);
    desc.decoder.layers.push_back(std::move(layer));
  }
  return desc;
}

constexpr auto kHf = std::to_array<Rule>({
    {"embed", "model.embed_tokens.weight"},
    {"final_norm", "model.norm.scale"},
    {"head", "lm_head.weight"},
    {"attn.norm", "model.layers.{L}.pre_attn_norm.scale"},
    {"attn.post_norm", "model.layers.{L}.post_attn_norm.scale"},
    {"attn.q", "model.layers.{L}.attn.q_proj.weight"},
    {"attn.k", "model.layers.{L}.attn.k_proj.weight"},
    {"attn.v", "model.layers.{L}.attn.v_proj.weight"},
    {"attn.o", "model.layers.{L}.attn.o_proj.weight"},
    {"moe.norm", "model.layers.{L}.pre_moe_norm.scale"},
    {"moe.post_norm", "model.layers.{L}.post_moe_norm.scale"},
    {"moe.router", "model.layers.{L}.moe_block.gate.weight"},
    {"moe.expert.gate", "model.layers.{L}.moe_block.experts.{E}.linear.weight"},
    {"moe.expert.up", "model.layers.{L}.moe_block.experts.{E}.linear_v.weight"},
    {"moe.expert.down", "model.layers.{L}.moe_block.experts.{E}.linear_1.weight"},
    // The other port's.
    {"embed", "transformer.in_out_embed.weight"},
    {"final_norm", "transformer.rms_norm.weight"},
    {"attn.norm", "transformer.decoder_layer.{L}.rms_norm.weight"},
    {"attn.post_norm", "transformer.decoder_layer.{L}.rms_norm_1.weight"},
    {"attn.q", "transformer.decoder_layer.{L}.multi_head_attention.query.weight"},
    {"attn.k", "transformer.decoder_layer.{L}.multi_head_attention.key.weight"},
    {"attn.v", "transformer.decoder_layer.{L}.multi_head_attention.value.weight"},
    {"attn.o", "transformer.decoder_layer.{L}.multi_head_attention.linear.weight"},
    {"moe.norm", "transformer.decoder_layer.{L}.rms_norm_2.weight"},
    {"moe.post_norm", "transformer.decoder_layer.{L}.rms_norm_3.weight"},
    {"moe.router", "transformer.decoder_layer.{L}.router.weight"},
    {"moe.expert.gate", "transformer.decoder_layer.{L}.moe.{E}.linear.weight"},
    {"moe.expert.up", "transformer.decoder_layer.{L}.moe.{E}.linear_v.weight"},
    {"moe.expert.down", "transformer.decoder_layer.{L}.moe.{E}.linear_1.weight"},
});
constexpr auto kGgufNorms = std::to_array<Rule>({
    {"attn.post_norm", "blk.{L}.attn_output_norm.weight"},
    {"moe.post_norm", "blk.{L}.layer_output_norm.weight"},
});
constexpr std::string_view kTypes[] = {"grok-1", "grok"};
constexpr std::string_view kArchs[] = {"grok"};
constexpr auto kGguf = Join(kGgufModel, kGgufGqa, kGgufExperts, kGgufNorms);

}  // namespace

constinit const Family kGrok1{"grok1", kTypes, kArchs, nullptr, Build, kHf, kGguf, kSkipRopeBuffers};

}  // namespace sluice::model
