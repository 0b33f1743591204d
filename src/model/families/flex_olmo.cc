// FlexOlmo: no norm before attention and experts, one after each; q and k normalised over their full width.
#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

Desc Build(const Config& c) {
  Moe moe{.router = ReadRouter(c, "num_experts"),
          .expert = {.hidden = c.Int("intermediate_size"), .act = HiddenAct(c)}};
  moe.router.renormalize = c.Bool("norm_topk_prob", false);
  Desc desc = BaseDesc(c, "flex_olmo");
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    Gqa attention = ReadGqa(c, l, /*interleaved=*/false);
    attention.qk_norm = Gqa::QkNorm::kFullWidth;
    attention.qk_norm_eps = RmsNorm(c).eps;
    attention.qkv_bias = attention.out_bias = c.Bool("attention_bias", false);
    Layer layer = AttentionThen({.kind = Norm::Kind::kNone}, attention, moe);
    for (Branch& branch : layer) branch.post = RmsNorm(c);
    desc.decoder.layers.push_back(std::move(layer));
  }
  return desc;
}

constexpr auto kNorms = std::to_array<Rule>({
    {"attn.post_norm", "model.layers.{L}.post_attention_layernorm.weight"},
    {"moe.post_norm", "model.layers.{L}.post_feedforward_layernorm.weight"},
});
constexpr std::string_view kTypes[] = {"flex_olmo"};
constexpr auto kHf = Join(kHfModel, kHfGqa, kHfExperts, kNorms);

}  // namespace

constinit const Family kFlexOlmo{"flex_olmo", kTypes, {}, nullptr, Build, kHf, {}, kSkipRopeBuffers};

}  // namespace sluice::model
