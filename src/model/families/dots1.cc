// dots.llm1: grouped-query attention with norms on the heads of q and k, DeepSeek-V3's router, shared experts
// and a few dense layers first.
#include "model/families/deepseek.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

Gqa ReadAttention(const Config& c, int layer) {
  Gqa attention = ReadGqa(c, layer, /*interleaved=*/false);
  attention.qk_norm = Gqa::QkNorm::kPerHead;
  attention.qk_norm_eps = RmsNorm(c).eps;
  attention.qkv_bias = attention.out_bias = c.Bool("attention_bias", false);
  // Unlike its relatives it has no flag: a window, where there is one, is for the layers after the first.
  if (layer >= c.Int("max_window_layers", 0)) attention.window = ReadWindow(c);
  return attention;
}

Moe ReadMoe(const Config& c, Act act) {
  c.RequireOneOf("scoring_func", {"sigmoid", "noaux_tc"});
  c.RequireOneOf("topk_method", {"noaux_tc"});
  Moe moe{.router = ReadDeepSeekRouter(c), .expert = {.hidden = c.Int("moe_intermediate_size"), .act = act}};
  moe.router.score = Router::Score::kSigmoid;
  moe.router.renormalize = c.Bool("norm_topk_prob", false);
  moe.router.selection_bias = true;
  moe.router.groups = ReadGroups(c, moe.router, Router::Groups::By::kTop2Sum);
  moe.shared = SharedExpert(c, "n_shared_experts", moe.expert);
  return moe;
}

Desc Build(const Config& c) {
  const Act act = HiddenAct(c);
  const Moe moe = ReadMoe(c, act);
  const Ffn dense{.hidden = c.Int("intermediate_size"), .act = act};
  Desc desc = BaseDesc(c, "dots1");
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    const bool sparse = l >= c.Int("first_k_dense_replace", 0) && l % c.Int("moe_layer_freq", 1) == 0;
    desc.decoder.layers.push_back(sparse ? AttentionThen(RmsNorm(c), ReadAttention(c, l), moe)
                                         : AttentionThen(RmsNorm(c), ReadAttention(c, l), dense));
  }
  return desc;
}

constexpr auto kHfBias = std::to_array<Rule>({
    {"moe.selection_bias", "model.layers.{L}.mlp.gate.e_score_correction_bias"},
});
constexpr auto kGgufBias = std::to_array<Rule>({
    {"moe.selection_bias", "blk.{L}.exp_probs_b.bias"},
});
constexpr std::string_view kNames[] = {"dots1"};
constexpr auto kHf = Join(kHfModel, kHfGqa, kHfFfn, kHfExperts, kHfSharedExperts, kHfBias);
constexpr auto kGguf = Join(kGgufModel, kGgufGqa, kGgufFfn, kGgufExperts, kGgufSharedExperts, kGgufBias);

}  // namespace

constinit const Family kDots1{"dots1", kNames, kNames, nullptr, Build, kHf, kGguf, kSkipRopeBuffers};

}  // namespace sluice::model
