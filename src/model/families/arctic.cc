// Snowflake Arctic: beside a dense layer stands a mixture of experts that reads what the whole layer read.
#include <fmt/format.h>

#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

bool IsSparse(const Config& c, int layer) {
  if (!c.from_gguf()) return (layer + 1) % c.Int("moe_layer_frequency", 1) == 0;
  for (const char* key : {"first_k_dense_replace", "moe_layer_interval"})
    c.Has(key);  // the tensors say the same, layer by layer
  return c.FindTensor(fmt::format("blk.{}.ffn_gate_inp.weight", layer)) != nullptr;
}

Layer BuildLayer(const Config& c, int l) {
  const Act act = HiddenAct(c);
  const Norm norm = RmsNorm(c);
  Gqa attention = ReadGqa(c, l, /*interleaved=*/c.from_gguf());
  attention.window = ReadWindow(c);
  const int width = c.Int("intermediate_size", {}, l);
  if (!IsSparse(c, l)) return AttentionThen(norm, attention, Ffn{.hidden = width, .act = act});
  Moe moe{.router = ReadRouter(c, "num_local_experts"), .expert = {.hidden = width, .act = act}};
  moe.router.renormalize = moe.router.top_k > 1;
  if (!c.Bool("parallel_attn_mlp_res", c.from_gguf())) return AttentionThen(norm, attention, moe);
  Layer layer = AttentionThen(norm, attention, Ffn{.hidden = c.Int("hidden_size"), .act = act});
  layer.push_back({.src = Branch::Src::kLayerInput, .pre = norm, .op = moe});
  return layer;
}

Desc Build(const Config& c) {
  Desc desc = BaseDesc(c, "arctic");
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) desc.decoder.layers.push_back(BuildLayer(c, l));
  return desc;
}

constexpr auto kHfDense = std::to_array<Rule>({
    {"ffn.norm", "model.layers.{L}.residual_layernorm.weight"},
    {"ffn.gate", "model.layers.{L}.residual_mlp.w1.weight"},
    {"ffn.gate", "model.layers.{L}.block_sparse_moe.mlp.w1.weight"},
    {"ffn.up", "model.layers.{L}.residual_mlp.w3.weight"},
    {"ffn.up", "model.layers.{L}.block_sparse_moe.mlp.w3.weight"},
    {"ffn.down", "model.layers.{L}.residual_mlp.w2.weight"},
    {"ffn.down", "model.layers.{L}.block_sparse_moe.mlp.w2.weight"},
});
constexpr auto kGgufNorm = std::to_array<Rule>({
    {"moe.norm", "blk.{L}.ffn_norm_exps.weight"},
});
constexpr std::string_view kNames[] = {"arctic"};
// Where a layer has both norms, each serves its own part: the rules for them come first.
constexpr auto kHf = Join(kHfDense, kHfModel, kHfGqa, kHfSparseBlock);
constexpr auto kGguf = Join(kGgufNorm, kGgufModel, kGgufGqa, kGgufFfn, kGgufExperts);

}  // namespace

constinit const Family kArctic{"arctic",
                               kNames,
                               kNames,
                               nullptr,
                               Build,
                               kHf,
                               kGguf,
                               kSkipRopeBuffers,
                               /*gguf_turns_heads=*/true};

}  // namespace sluice::model
