// Qwen3-Next: a gated delta net with q, k, v and z of a key head side by side in one matrix.
#include "model/families/qwen3_next.h"

#include <fmt/format.h>

#include "model/families/list.h"

namespace sluice::model {
namespace {

bool IsLinearLayer(const Config& c, int layer) {
  if (c.from_gguf()) return c.FindTensor(fmt::format("blk.{}.ssm_conv1d.weight", layer)) != nullptr;
  if (!c.Has("layer_types")) return (layer + 1) % c.Int("full_attention_interval", 4) != 0;
  const std::string type = c.ListEntry("layer_types", layer);
  if (type != "linear_attention" && type != "full_attention")
    c.Refuse("layer_types", fmt::format("holds \"{}\", which is not supported", type));
  return type == "linear_attention";
}

DeltaNet ReadDeltaNet(const Config& c, bool tiled) {
  DeltaNet delta{.key_heads = c.Int("linear_num_key_heads"),
                 .value_heads = c.Int("linear_num_value_heads"),
                 .tiled = tiled,
                 .key_dim = c.Int("linear_key_head_dim"),
                 .taps = c.Int("linear_conv_kernel_dim"),
                 .log_rate = !c.from_gguf(),
                 .out_norm_eps = RmsNorm(c).eps};
  delta.value_dim =
      c.from_gguf() ? c.Int("linear_inner_size") / delta.value_heads : c.Int("linear_value_head_dim");
  if (delta.value_heads % delta.key_heads != 0)
    c.Refuse("linear_num_value_heads",
             fmt::format("is {}, no multiple of the {} key heads", delta.value_heads, delta.key_heads));
  if (delta.taps < 2) c.Refuse("linear_conv_kernel_dim", "is 1: a convolution of one token is not supported");
  if (delta.value_dim < 1) c.Refuse("linear_inner_size", "leaves value heads empty");
  constexpr int64_t kMostFloats = int64_t{1} << 34;  // of a state
  if (delta.keys() > Config::kLargest || delta.values() > Config::kLargest ||
      delta.state_floats() > kMostFloats)
    c.Refuse("linear_key_head_dim", "and its like make too large a state");
  return delta;
}

Gqa ReadAttention(const Config& c, int layer) {
  Gqa attention = ReadGqa(c, layer, /*interleaved=*/false);
  if (!c.from_gguf()) c.Float("partial_rotary_factor");  // required: no two generations agree on what it is
  attention.qk_norm = Gqa::QkNorm::kPerHead;
  attention.qk_norm_eps = RmsNorm(c).eps;
  attention.norm_plus_one = !c.from_gguf();
  attention.qkv_bias = attention.out_bias = c.Bool("attention_bias", false);
  attention.out_gate = c.Bool("attn_output_gate", true);
  return attention;
}

}  // namespace

Desc BuildLinearHybrid(const Config& c, std::string_view family, bool tiled) {
  c.RefuseIfTrue("use_sliding_window");
  c.RequireOneOf("hidden_act", {"silu"});
  Norm norm = RmsNorm(c);
  norm.plus_one = !c.from_gguf();
  Desc desc = BaseDesc(c, family, norm);
  Moe moe{.router = ReadRouter(c, "num_experts"), .expert = {.hidden = ReadExpertWidth(c)}};
  moe.router.renormalize = c.Bool("norm_topk_prob", true);
  moe.shared = Ffn{.hidden = ReadSharedExpertWidth(c)};
  moe.shared_gate = true;
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    Branch attention{.pre = norm}, feed_forward{.pre = norm, .op = moe};
    if (IsLinearLayer(c, l)) {
      attention.op = ReadDeltaNet(c, tiled);
    } else {
      attention.op = ReadAttention(c, l);
    }
    if (!IsSparseLayer(c, l)) feed_forward.op = Ffn{.hidden = c.Int("intermediate_size", {}, l)};
    desc.decoder.layers.push_back({std::move(attention), std::move(feed_forward)});
  }
  return desc;
}

namespace {

Desc Build(const Config& c) { return BuildLinearHybrid(c, "qwen3_next", /*tiled=*/false); }

constexpr auto kHfOwn = std::to_array<Rule>({
    {"attn.q", "model.layers.{L}.linear_attn.in_proj_qkvz.weight", Rule::Fix::kGrouped},
    {"attn.k", "model.layers.{L}.linear_attn.in_proj_qkvz.weight", Rule::Fix::kGrouped},
    {"attn.v", "model.layers.{L}.linear_attn.in_proj_qkvz.weight", Rule::Fix::kGrouped},
    {"attn.z", "model.layers.{L}.linear_attn.in_proj_qkvz.weight", Rule::Fix::kGrouped},
    {"attn.beta", "model.layers.{L}.linear_attn.in_proj_ba.weight", Rule::Fix::kGrouped},
    {"attn.decay", "model.layers.{L}.linear_attn.in_proj_ba.weight", Rule::Fix::kGrouped},
});
// Files of the first weeks hold q, k, v and z as published.
constexpr auto kGgufOwn = std::to_array<Rule>({
    {"attn.q", "blk.{L}.ssm_in.weight", Rule::Fix::kGrouped},
    {"attn.k", "blk.{L}.ssm_in.weight", Rule::Fix::kGrouped},
    {"attn.v", "blk.{L}.ssm_in.weight", Rule::Fix::kGrouped},
    {"attn.z", "blk.{L}.ssm_in.weight", Rule::Fix::kGrouped},
    {"attn.beta", "blk.{L}.ssm_ba.weight", Rule::Fix::kGrouped},
    {"attn.decay", "blk.{L}.ssm_ba.weight", Rule::Fix::kGrouped},
});
constexpr std::string_view kTypes[] = {"qwen3_next"};
constexpr std::string_view kArchs[] = {"qwen3next"};
constexpr auto kHf = Join(kHfModel, kHfGqa, kHfFfn, kHfExperts, kHfGatedShared, kHfDelta, kHfOwn);
constexpr auto kGguf = Join(kGgufDeltaNorms, kGgufModel, kGgufGqa, kGgufFfn, kGgufExperts, kGgufSharedExperts,
                            kGgufDelta, kGgufOwn);
// What predicts further tokens.
constexpr std::string_view kSkip[] = {"*.rotary_emb.inv_freq", "mtp.*", "blk.{N}.*"};

}  // namespace

constinit const Family kQwen3Next{"qwen3_next", kTypes, kArchs, nullptr, Build, kHf, kGguf, kSkip};

}  // namespace sluice::model
