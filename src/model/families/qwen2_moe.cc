// Qwen1.5-MoE and Qwen2-MoE: biases on q, k and v; a shared expert behind a gate of its own.
#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

Desc Build(const Config& c) {
  c.RefuseIfTrue("use_sliding_window");
  Desc desc = BaseDesc(c, "qwen2_moe");
  const Act act = HiddenAct(c);
  Moe moe{.router = ReadRouter(c, "num_experts"), .expert = {.hidden = ReadExpertWidth(c), .act = act}};
  moe.router.renormalize = c.Bool("norm_topk_prob", false);
  moe.shared = Ffn{.hidden = ReadSharedExpertWidth(c), .act = act};
  moe.shared_gate = true;
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    Gqa attention = ReadGqa(c, l, /*interleaved=*/false);
    attention.qkv_bias = c.Bool("qkv_bias", true);
    const Ffn dense{.hidden = c.Int("intermediate_size", {}, l), .act = act};
    desc.decoder.layers.push_back(IsSparseLayer(c, l) ? AttentionThen(RmsNorm(c), attention, moe)
                                                      : AttentionThen(RmsNorm(c), attention, dense));
  }
  return desc;
}

constexpr auto kHfShared = std::to_array<Rule>({
    {"moe.shared.gate", "model.layers.{L}.mlp.shared_expert.gate_proj.weight"},
    {"moe.shared.up", "model.layers.{L}.mlp.shared_expert.up_proj.weight"},
    {"moe.shared.down", "model.layers.{L}.mlp.shared_expert.down_proj.weight"},
    {"moe.shared_gate", "model.layers.{L}.mlp.shared_expert_gate.weight"},
});
constexpr auto kGgufSharedGate = std::to_array<Rule>({
    {"moe.shared_gate", "blk.{L}.ffn_gate_inp_shexp.weight"},
});
constexpr std::string_view kTypes[] = {"qwen2_moe"};
constexpr std::string_view kArchs[] = {"qwen2moe"};
constexpr auto kHf = Join(kHfModel, kHfGqa, kHfFfn, kHfExperts, kHfShared);
constexpr auto kGguf =
    Join(kGgufModel, kGgufGqa, kGgufFfn, kGgufExperts, kGgufSharedExperts, kGgufSharedGate);

}  // namespace

constinit const Family kQwen2Moe{"qwen2_moe", kTypes, kArchs, nullptr, Build, kHf, kGguf, kSkipRopeBuffers};

}  // namespace sluice::model
