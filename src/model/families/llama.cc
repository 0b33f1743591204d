// Llama 1 to 3, Mistral, and the many that share their shape.
#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

bool IsDense(const Config& c) { return c.Int("num_local_experts", 0) == 0; }

Desc Build(const Config& c) {
  c.RefuseIfTrue("mlp_bias");
  Desc desc = BaseDesc(c, c.from_gguf() ? "llama" : c.Architecture());
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    Gqa attention = ReadGqa(c, l, /*interleaved=*/c.from_gguf());
    attention.window = ReadWindow(c);
    attention.qkv_bias = c.Bool("attention_bias", c.FindTensor("blk.0.attn_q.bias") != nullptr);
    attention.out_bias = c.Bool("attention_bias", c.FindTensor("blk.0.attn_output.bias") != nullptr);
    const Ffn ffn{.hidden = c.Int("intermediate_size", {}, l), .act = HiddenAct(c)};
    desc.decoder.layers.push_back(AttentionThen(RmsNorm(c), attention, ffn));
  }
  return desc;
}

constexpr std::string_view kTypes[] = {"llama", "mistral"};
constexpr std::string_view kArchs[] = {"llama"};
constexpr auto kHf = Join(kHfModel, kHfGqa, kHfFfn);
constexpr auto kGguf = Join(kGgufModel, kGgufGqa, kGgufFfn);

}  // namespace

constinit const Family kLlama{"llama",
                              kTypes,
                              kArchs,
                              IsDense,
                              Build,
                              kHf,
                              kGguf,
                              kSkipRopeBuffers,
                              /*gguf_turns_heads=*/true};

}  // namespace sluice::model
