// ERNIE 4.5 MoE: pairs of neighbours rotated, experts chosen by biased probabilities, shared experts as one,
// dense layers before and between.
#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

bool IsSparse(const Config& c, int layer) {
  if (c.from_gguf()) return IsSparseLayer(c, layer);
  // An end of -1 is the last layer.
  const bool open = !c.Has("moe_layer_end_index") || c.Is("moe_layer_end_index", -1);
  const int last = open ? c.Int("num_hidden_layers") : c.Int("moe_layer_end_index", 0);
  return (layer + 1) % c.Int("moe_layer_interval", 1) == 0 && layer >= c.Int("moe_layer_start_index", 0) &&
         layer <= last;
}

// A GGUF gives the width itself; the count beside it may belong to another width.
std::optional<Ffn> ReadShared(const Config& c, const Ffn& expert) {
  if (!c.from_gguf()) return SharedExpert(c, "moe_num_shared_experts", expert);
  const int width = c.Int("shared_expert_intermediate_size", 0);
  if (width == 0) return {};
  return Ffn{.hidden = width, .act = expert.act};
}

Desc Build(const Config& c) {
  c.RefuseIfTrue("use_bias");
  c.RequireOneOf("moe_gate", {"topk", "top2", "top2_fused", "topk_fused"});
  const Act act = HiddenAct(c);
  Moe moe{.router = ReadRouter(c, "moe_num_experts", "moe_k"),
          .expert = {.hidden = c.Int("moe_intermediate_size"), .act = act}};
  moe.router.renormalize = true;
  moe.router.selection_bias = HasSelectionBias(c);
  moe.shared = ReadShared(c, moe.expert);
  const Ffn dense{.hidden = c.Int("intermediate_size"), .act = act};
  Desc desc = BaseDesc(c, "ernie4_5_moe");
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    const Gqa attention = ReadGqa(c, l, /*interleaved=*/true);
    desc.decoder.layers.push_back(IsSparse(c, l) ? AttentionThen(RmsNorm(c), attention, moe)
                                                 : AttentionThen(RmsNorm(c), attention, dense));
  }
  return desc;
}

constexpr auto kBias = std::to_array<Rule>({
    {"moe.selection_bias", "model.layers.{L}.mlp.moe_statics.e_score_correction_bias"},
});
constexpr std::string_view kTypes[] = {"ernie4_5_moe"};
constexpr std::string_view kArchs[] = {"ernie4_5-moe"};
constexpr auto kGguf =
    Join(kGgufModel, kGgufGqa, kGgufFfn, kGgufExperts, kGgufSharedExperts, kGgufSelectionBias);
constexpr auto kHf = Join(kHfModel, kHfGqa, kHfFfn, kHfExperts, kHfSharedExperts, kBias);
// Layers that predict further tokens.
constexpr std::string_view kSkip[] = {"*.rotary_emb.inv_freq", "model.mtp_*"};

}  // namespace

constinit const Family kErnie45Moe{"ernie4_5_moe", kTypes, kArchs, nullptr, Build, kHf, kGguf, kSkip};

}  // namespace sluice::model
