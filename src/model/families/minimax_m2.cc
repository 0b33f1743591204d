// MiniMax-M2: grouped-query attention with norms over the full width of q and k and a partial rotation;
// experts chosen by biased sigmoids.
#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

void RefuseVariants(const Config& c) {
  c.RequireOneOf("qk_norm_type", {"per_layer"});
  c.RequireOneOf("scoring_func", {"sigmoid"});
  if (c.Int("shared_intermediate_size", 0) != 0)
    c.Refuse("shared_intermediate_size", "is not 0, which is not supported");
}

Desc Build(const Config& c) {
  RefuseVariants(c);
  Moe moe{.router = ReadRouter(c, "num_local_experts"),
          .expert = {.hidden = c.Int("intermediate_size"), .act = HiddenAct(c)}};
  moe.router.score = Router::Score::kSigmoid;
  moe.router.renormalize = true;
  moe.router.selection_bias = c.Bool("use_routing_bias", true);
  Desc desc = BaseDesc(c, "minimax_m2");
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    if (c.Int("attn_type_list", 1, l) != 1)
      c.Refuse("attn_type_list", "asks for linear attention, which is not supported");
    Gqa attention = ReadGqa(c, l, /*interleaved=*/false);
    attention.window = ReadWindow(c);
    if (c.Bool("use_qk_norm", true)) attention.qk_norm = Gqa::QkNorm::kFullWidth;
    attention.qk_norm_eps = RmsNorm(c).eps;
    desc.decoder.layers.push_back(AttentionThen(RmsNorm(c), attention, moe));
  }
  return desc;
}

constexpr auto kBias = std::to_array<Rule>({
    {"moe.selection_bias", "model.layers.{L}.block_sparse_moe.e_score_correction_bias"},
});
constexpr std::string_view kTypes[] = {"minimax_m2"};
constexpr std::string_view kArchs[] = {"minimax-m2"};
constexpr auto kGguf = Join(kGgufModel, kGgufGqa, kGgufExperts, kGgufSelectionBias);
constexpr auto kHf = Join(kHfModel, kHfGqa, kHfSparseBlock, kBias);
constexpr std::string_view kSkip[] = {"*.rotary_emb.inv_freq", "model.layers.{N}.*"};

}  // namespace

constinit const Family kMiniMaxM2{"minimax_m2", kTypes, kArchs, nullptr, Build, kHf, kGguf, kSkip};

}  // namespace sluice::model
