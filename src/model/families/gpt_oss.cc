// gpt-oss: a learned sink in every head's softmax, every other layer with a window, experts with biases and a
// clamped activation.
#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

constexpr float kAlpha = 1.702f, kLimit = 7;

// A GGUF has no key for the pattern nor for whole YaRN corners: windows in layers 0, 2, ..., and corners as
// they fall.
int WindowOf(const Config& c, int layer) {
  const bool even = layer % 2 == 0;
  const bool sliding = c.Has("layer_types") ? c.ListEntry("layer_types", layer) == "sliding_attention" : even;
  return sliding ? ReadWindow(c) : 0;
}

Gqa ReadAttention(const Config& c, int layer) {
  Gqa attention = ReadGqa(c, layer, /*interleaved=*/false);
  attention.qkv_bias = attention.out_bias = c.Bool("attention_bias", true);
  attention.sinks = true;
  attention.window = WindowOf(c, layer);
  auto* yarn = std::get_if<YarnScaling>(&std::get<Rope>(attention.position).scaling);
  if (yarn && c.from_gguf()) yarn->truncate = false;
  return attention;
}

Desc Build(const Config& c) {
  const std::string_view width = c.from_gguf() ? "moe_intermediate_size" : "intermediate_size";
  Moe moe{.router = ReadRouter(c, "num_local_experts"),
          .expert = {.hidden = c.Int(width),
                     .act = Act::kClampedSwiglu,
                     .bias = true,
                     .limit = c.Float("swiglu_limit", kLimit),
                     .alpha = c.Float("swiglu_alpha", kAlpha)}};
  moe.router.score = Router::Score::kSoftmaxOfTopK;
  moe.router.logit_bias = true;
  Desc desc = BaseDesc(c, "gpt_oss");
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l)
    desc.decoder.layers.push_back(AttentionThen(RmsNorm(c), ReadAttention(c, l), moe));
  return desc;
}

constexpr auto kHfOwn = std::to_array<Rule>({
    {"attn.sinks", "model.layers.{L}.self_attn.sinks"},
    {"moe.router", "model.layers.{L}.mlp.router.weight"},
    {"moe.expert.gate", "model.layers.{L}.mlp.experts.gate_up_proj_blocks", Rule::Fix::kEvenRows},
    {"moe.expert.gate", "model.layers.{L}.mlp.experts.gate_up_proj", Rule::Fix::kTransposedEven},
    {"moe.expert.up", "model.layers.{L}.mlp.experts.gate_up_proj_blocks", Rule::Fix::kOddRows},
    {"moe.expert.up", "model.layers.{L}.mlp.experts.gate_up_proj", Rule::Fix::kTransposedOdd},
    {"moe.expert.down", "model.layers.{L}.mlp.experts.down_proj_blocks"},
    {"moe.expert.down", "model.layers.{L}.mlp.experts.down_proj", Rule::Fix::kTranspose},
    {"moe.expert.gate.bias", "model.layers.{L}.mlp.experts.gate_up_proj_bias", Rule::Fix::kEvenRows},
    {"moe.expert.up.bias", "model.layers.{L}.mlp.experts.gate_up_proj_bias", Rule::Fix::kOddRows},
    {"moe.expert.down.bias", "model.layers.{L}.mlp.experts.down_proj_bias"},
});
constexpr auto kGgufOwn = std::to_array<Rule>({
    {"attn.sinks", "blk.{L}.attn_sinks.weight"},
    {"moe.norm", "blk.{L}.post_attention_norm.weight"},
});
constexpr std::string_view kTypes[] = {"gpt_oss"};
constexpr std::string_view kArchs[] = {"gpt-oss"};
constexpr auto kHf = Join(kHfModel, kHfGqa, kHfOwn);
constexpr auto kGguf = Join(kGgufOwn, kGgufModel, kGgufGqa, kGgufExperts);

}  // namespace

constinit const Family kGptOss{"gpt_oss", kTypes, kArchs, nullptr, Build, kHf, kGguf, kSkipRopeBuffers};

}  // namespace sluice::model
