// Phi-3.5-MoE: LayerNorm and biases everywhere, LongRoPE, and a router that weighs each choice among those
// near it.
#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

Desc Build(const Config& c) {
  const Norm norm{.kind = Norm::Kind::kLayer, .eps = c.Float("rms_norm_eps"), .bias = true};
  Moe moe{.router = ReadRouter(c, "num_local_experts"),
          .expert = {.hidden = c.Int("intermediate_size"), .act = HiddenAct(c)}};
  moe.router.score = Router::Score::kSparseMixer;
  moe.router.jitter = c.Float("router_jitter_noise", 0.01f);
  if (moe.router.top_k != 2) c.Refuse("num_experts_per_tok", "is not 2, which is not supported");
  Desc desc = BaseDesc(c, "phimoe", norm);
  desc.head_bias = c.Bool("lm_head_bias", false);
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    Gqa attention = ReadGqa(c, l, /*interleaved=*/false);
    attention.window = ReadWindow(c);
    attention.qkv_bias = attention.out_bias = c.Bool("attention_bias", false);
    desc.decoder.layers.push_back(AttentionThen(norm, attention, moe));
  }
  return desc;
}

constexpr std::string_view kTypes[] = {"phimoe"};
constexpr auto kHf = Join(kHfModel, kHfGqa, kHfSparseBlock);

}  // namespace

constinit const Family kPhiMoe{"phimoe", kTypes, {}, nullptr, Build, kHf, {}, kSkipRopeBuffers};

}  // namespace sluice::model
