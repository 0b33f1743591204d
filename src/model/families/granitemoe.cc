// Granite 3 MoE: Llama with a multiplier on the embedding, the attention, both residuals and the logits;
// experts stacked with gate and up merged; in the shared variant an expert that every token uses.
#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

Desc Build(const Config& c) {
  c.RequireOneOf("position_embedding_type", {"rope"});
  const Act act = HiddenAct(c);
  Moe moe{.router = ReadRouter(c, "num_local_experts"),
          .expert = {.hidden = c.Int("intermediate_size"), .act = act}};
  moe.router.score = Router::Score::kSoftmaxOfTopK;
  const int shared = c.Int("shared_intermediate_size", 0);
  if (shared > 0) moe.shared = Ffn{.hidden = shared, .act = act};

  Desc desc = BaseDesc(c, "granitemoe");
  desc.embed_scale = c.Float("embedding_multiplier", 1);
  desc.logit_scale = 1 / c.Float("logits_scaling", 1);
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    Gqa attention = ReadGqa(c, l, /*interleaved=*/c.from_gguf());
    attention.scale = c.Float("attention_multiplier", c.from_gguf() ? attention.scale : 1);
    attention.qkv_bias = attention.out_bias = c.Bool("attention_bias", false);
    Layer layer = AttentionThen(RmsNorm(c), attention, moe);
    for (Branch& branch : layer) branch.scale = c.Float("residual_multiplier", 1);
    desc.decoder.layers.push_back(std::move(layer));
  }
  return desc;
}

constexpr auto kExperts = std::to_array<Rule>({
    {"moe.router", "model.layers.{L}.block_sparse_moe.router.layer.weight"},
    {"moe.expert.gate", "model.layers.{L}.block_sparse_moe.input_linear.weight", Rule::Fix::kFirstHalf},
    {"moe.expert.up", "model.layers.{L}.block_sparse_moe.input_linear.weight", Rule::Fix::kSecondHalf},
    {"moe.expert.down", "model.layers.{L}.block_sparse_moe.output_linear.weight"},
    {"moe.shared.gate", "model.layers.{L}.shared_mlp.input_linear.weight", Rule::Fix::kFirstHalf},
    {"moe.shared.up", "model.layers.{L}.shared_mlp.input_linear.weight", Rule::Fix::kSecondHalf},
    {"moe.shared.down", "model.layers.{L}.shared_mlp.output_linear.weight"},
});
constexpr std::string_view kTypes[] = {"granitemoe", "granitemoeshared"};
constexpr std::string_view kArchs[] = {"granitemoe"};
constexpr auto kHf = Join(kHfModel, kHfGqa, kExperts);
constexpr auto kGguf = Join(kGgufModel, kGgufGqa, kGgufExperts, kGgufSharedExperts);

}  // namespace

constinit const Family kGraniteMoe{
    "granitemoe", kTypes, kArchs, nullptr, Build, kHf, kGguf, kSkipRopeBuffers, /*gguf_turns_heads=*/true};

}  // namespace sluice::model
