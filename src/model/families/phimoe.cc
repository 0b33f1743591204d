// Phi-3.5-MoE: LayerNorm and biases everywhere, LongRoPE, and a router that weighs each choice among those
// near it.
#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

// A GGUF has no flags for biases, but the tensors.
bool HasBias(const Config& c, std::string_view key, std::string_view tensor) {
  return c.from_gguf() ? c.FindTensor(tensor) != nullptr : c.Bool(key, false);
}

Desc Build(const Config& c) {
  const Norm norm{.kind = Norm::Kind::kLayer, .eps = c.Float("rms_norm_eps"), .bias = true};
  Moe moe{.router = ReadRouter(c, "num_local_experts"),
          .expert = {.hidden = c.Int("intermediate_size"), .act = HiddenAct(c)}};
  moe.router.score = Router::Score::kSparseMixer;
  moe.router.jitter = c.Float("router_jitter_noise", 0.01f);
  if (moe.router.top_k != 2) c.Refuse("num_experts_per_tok", "is not 2, which is not supported");
  Desc desc = BaseDesc(c, "phimoe", norm);
  desc.head_bias = HasBias(c, "lm_head_bias", "output.bias");
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    Gqa attention = ReadGqa(c, l, /*interleaved=*/false);
    attention.window = ReadWindow(c);
    attention.qkv_bias = attention.out_bias = HasBias(c, "attention_bias", "blk.0.attn_output.bias");
    desc.decoder.layers.push_back(AttentionThen(norm, attention, moe));
  }
  return desc;
}

constexpr auto kGgufFactors = std::to_array<Rule>({
    {"rope_factors_short", "rope_factors_short.weight"},
    {"rope_factors_long", "rope_factors_long.weight"},
});
constexpr std::string_view kNames[] = {"phimoe"};
constexpr auto kHf = Join(kHfModel, kHfGqa, kHfSparseBlock);
constexpr auto kGguf = Join(kGgufModel, kGgufGqa, kGgufExperts, kGgufFactors);

}  // namespace

constinit const Family kPhiMoe{"phimoe", kNames, kNames, nullptr, Build, kHf, kGguf, kSkipRopeBuffers};

}  // namespace sluice::model
