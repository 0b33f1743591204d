// Llama 4, its text part: most layers rotate and see a chunk, every fourth sees everything and rotates
// nothing; an expert's weight multiplies its input.
#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

bool Rotates(const Config& c, int layer) {
  if (c.HasEntries("no_rope_layers")) return c.Int("no_rope_layers", 0, layer) != 0;
  return (layer + 1) % c.Int("no_rope_layer_interval", 4) != 0;
}

bool IsSparse(const Config& c, int layer) {
  if (c.from_gguf()) return IsSparseLayer(c, layer);
  if (c.HasEntries("moe_layers")) return c.ListHolds("moe_layers", layer);
  return (layer + 1) % c.Int("interleave_moe_layer_step", 1) == 0;
}

// GGUF has no words for these: the released models' are meant. The one with 128 experts has no norms.
constexpr int kGgufChunk = 8192, kGgufExpertsWithoutNorm = 128;

bool NormalisesKeys(const Config& c) {
  return c.from_gguf() ? c.Int("num_local_experts") != kGgufExpertsWithoutNorm : c.Bool("use_qk_norm", true);
}

Gqa ReadAttention(const Config& c, int layer) {
  Gqa attention = ReadGqa(c, layer, /*interleaved=*/true);
  attention.qkv_bias = attention.out_bias = c.Bool("attention_bias", false);
  if (Rotates(c, layer)) {
    attention.chunk = c.from_gguf() ? kGgufChunk : c.Int("attention_chunk_size", 0);
    if (NormalisesKeys(c)) attention.qk_norm = Gqa::QkNorm::kPerHead;
    attention.qk_norm_eps = RmsNorm(c).eps;
    attention.norm_after_rope = true;
    attention.norm_weights = false;
    return attention;
  }
  attention.position = NoPosition{};
  const bool tempered = c.Is("attn_temperature_tuning", 4) || c.Bool("attn_temperature_tuning", true);
  if (tempered) attention.temper_scale = c.Float("attn_scale", 0.1f);
  attention.temper_floor = c.Float("floor_scale", 8192);
  return attention;
}

Desc Build(const Config& c) {
  const Act act = HiddenAct(c);
  Moe moe{
      .router = ReadRouter(c, "num_local_experts"),
      .expert = {.hidden = c.Int(c.from_gguf() ? "moe_intermediate_size" : "intermediate_size"), .act = act}};
  moe.router.score = Router::Score::kSigmoid;
  moe.shared = moe.expert;
  moe.weight_on_input = true;
  const std::string_view dense_width = c.from_gguf() ? "intermediate_size" : "intermediate_size_mlp";
  if (c.from_gguf() && c.Is("sliding_window", 0))
    c.Refuse("sliding_window", "is 0: a variant that rotates in every layer, which is not supported");
  Desc desc = BaseDesc(c, "llama4");
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    const Gqa attention = ReadAttention(c, l);
    const Ffn dense{.hidden = c.Int(dense_width, {}, l), .act = act};
    desc.decoder.layers.push_back(IsSparse(c, l) ? AttentionThen(RmsNorm(c), attention, moe)
                                                 : AttentionThen(RmsNorm(c), attention, dense));
  }
  return desc;
}

constexpr auto kText = std::to_array<Rule>({
    {"ffn.gate", "model.layers.{L}.feed_forward.gate_proj.weight"},
    {"ffn.up", "model.layers.{L}.feed_forward.up_proj.weight"},
    {"ffn.down", "model.layers.{L}.feed_forward.down_proj.weight"},
    {"moe.router", "model.layers.{L}.feed_forward.router.weight"},
    {"moe.expert.gate", "model.layers.{L}.feed_forward.experts.gate_up_proj",
     Rule::Fix::kTransposedFirstHalf},
    {"moe.expert.up", "model.layers.{L}.feed_forward.experts.gate_up_proj", Rule::Fix::kTransposedSecondHalf},
    {"moe.expert.down", "model.layers.{L}.feed_forward.experts.down_proj", Rule::Fix::kTranspose},
    {"moe.shared.gate", "model.layers.{L}.feed_forward.shared_expert.gate_proj.weight"},
    {"moe.shared.up", "model.layers.{L}.feed_forward.shared_expert.up_proj.weight"},
    {"moe.shared.down", "model.layers.{L}.feed_forward.shared_expert.down_proj.weight"},
});
// As published, beside a part that sees.
constexpr auto kNested = std::to_array<Rule>({
    {"embed", "language_model.model.embed_tokens.weight"},
    {"final_norm", "language_model.model.norm.weight"},
    {"head", "language_model.lm_head.weight"},
    {"attn.norm", "language_model.model.layers.{L}.input_layernorm.weight"},
    {"attn.q", "language_model.model.layers.{L}.self_attn.q_proj.weight"},
    {"attn.k", "language_model.model.layers.{L}.self_attn.k_proj.weight"},
    {"attn.v", "language_model.model.layers.{L}.self_attn.v_proj.weight"},
    {"attn.o", "language_model.model.layers.{L}.self_attn.o_proj.weight"},
    {"ffn.norm", "language_model.model.layers.{L}.post_attention_layernorm.weight"},
    {"ffn.gate", "language_model.model.layers.{L}.feed_forward.gate_proj.weight"},
    {"ffn.up", "language_model.model.layers.{L}.feed_forward.up_proj.weight"},
    {"ffn.down", "language_model.model.layers.{L}.feed_forward.down_proj.weight"},
    {"moe.norm", "language_model.model.layers.{L}.post_attention_layernorm.weight"},
    {"moe.router", "language_model.model.layers.{L}.feed_forward.router.weight"},
    {"moe.expert.gate", "language_model.model.layers.{L}.feed_forward.experts.gate_up_proj",
     Rule::Fix::kTransposedFirstHalf},
    {"moe.expert.up", "language_model.model.layers.{L}.feed_forward.experts.gate_up_proj",
     Rule::Fix::kTransposedSecondHalf},
    {"moe.expert.down", "language_model.model.layers.{L}.feed_forward.experts.down_proj",
     Rule::Fix::kTranspose},
    {"moe.shared.gate", "language_model.model.layers.{L}.feed_forward.shared_expert.gate_proj.weight"},
    {"moe.shared.up", "language_model.model.layers.{L}.feed_forward.shared_expert.up_proj.weight"},
    {"moe.shared.down", "language_model.model.layers.{L}.feed_forward.shared_expert.down_proj.weight"},
});
constexpr std::string_view kTypes[] = {"llama4", "llama4_text"};
constexpr std::string_view kArchs[] = {"llama4"};
constexpr auto kGguf = Join(kGgufModel, kGgufGqa, kGgufFfn, kGgufExperts, kGgufSharedExperts);
constexpr auto kHf = Join(kHfModel, kHfGqa, kText, kNested);
constexpr std::string_view kSkip[] = {"*.rotary_emb.inv_freq", "vision_model.*", "multi_modal_projector.*"};

}  // namespace

constinit const Family kLlama4{"llama4", kTypes, kArchs, nullptr, Build, kHf, kGguf, kSkip};

}  // namespace sluice::model
