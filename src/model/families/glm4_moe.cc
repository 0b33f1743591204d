// GLM-4.5 to 4.7: grouped-query attention that rotates half of each head, DeepSeek-V3's router, a shared
// expert and a few dense layers first.
#include "model/families/deepseek.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

bool HasQkNorm(const Config& c) {
  return c.from_gguf() ? c.FindTensor("blk.0.attn_q_norm.weight") != nullptr : c.Bool("use_qk_norm", false);
}
bool HasBias(const Config& c) {
  return c.from_gguf() ? c.FindTensor("blk.0.attn_q.bias") != nullptr : c.Bool("attention_bias", false);
}

Moe ReadMoe(const Config& c, Act act) {
  Moe moe{.router = ReadDeepSeekRouter(c), .expert = {.hidden = c.Int("moe_intermediate_size"), .act = act}};
  moe.router.score = Router::Score::kSigmoid;
  moe.router.renormalize = c.Bool("norm_topk_prob", !c.from_gguf());
  moe.router.selection_bias = true;
  moe.router.groups = ReadGroups(c, moe.router, Router::Groups::By::kTop2Sum);
  moe.shared = SharedExpert(c, "n_shared_experts", moe.expert);
  return moe;
}

Desc Build(const Config& c) {
  const Act act = HiddenAct(c);
  const Moe moe = ReadMoe(c, act);
  Desc desc = BaseDesc(c, "glm4_moe");
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    Gqa attention = ReadGqa(c, l, /*interleaved=*/false);
    attention.qkv_bias = HasBias(c);
    if (HasQkNorm(c)) attention.qk_norm = Gqa::QkNorm::kPerHead;
    attention.qk_norm_eps = RmsNorm(c).eps;
    const Ffn dense{.hidden = c.Int("intermediate_size", {}, l), .act = act};
    const bool sparse = l >= c.Int("first_k_dense_replace", 0);
    desc.decoder.layers.push_back(sparse ? AttentionThen(RmsNorm(c), attention, moe)
                                         : AttentionThen(RmsNorm(c), attention, dense));
  }
  return desc;
}

constexpr auto kHfBias = std::to_array<Rule>({
    {"moe.selection_bias", "model.layers.{L}.mlp.gate.e_score_correction_bias"},
});
constexpr auto kGgufOwn = std::to_array<Rule>({
    {"ffn.norm", "blk.{L}.post_attention_norm.weight"},
    {"moe.norm", "blk.{L}.post_attention_norm.weight"},
    {"moe.selection_bias", "blk.{L}.exp_probs_b.bias"},
});
constexpr std::string_view kTypes[] = {"glm4_moe"};
constexpr std::string_view kArchs[] = {"glm4moe"};
constexpr auto kHf = Join(kHfModel, kHfGqa, kHfFfn, kHfExperts, kHfSharedExperts, kHfBias);
constexpr auto kGguf = Join(kGgufOwn, kGgufModel, kGgufGqa, kGgufFfn, kGgufExperts, kGgufSharedExperts);
// The layers after the last predict further tokens.
constexpr std::string_view kSkip[] = {"*.rotary_emb.inv_freq", "model.layers.{N}.*", "blk.{N}.*"};

}  // namespace

constinit const Family kGlm4Moe{"glm4_moe", kTypes, kArchs, nullptr, Build, kHf, kGguf, kSkip};

}  // namespace sluice::model
