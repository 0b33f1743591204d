// Mixtral 8x7B and 8x22B: Llama's attention, eight experts of which two work on a token.
#include "model/families/common.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

bool HasExperts(const Config& c) { return !c.from_gguf() || c.Int("num_local_experts", 0) > 0; }

Desc Build(const Config& c) {
  Desc desc = BaseDesc(c, "mixtral");
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    Gqa attention = ReadGqa(c, l, /*interleaved=*/c.from_gguf());
    attention.window = ReadWindow(c);
    Moe moe{.router = ReadRouter(c, "num_local_experts"),
            .expert = {.hidden = c.Int("intermediate_size", {}, l), .act = HiddenAct(c)}};
    moe.router.renormalize = true;
    desc.decoder.layers.push_back(AttentionThen(RmsNorm(c), attention, moe));
  }
  return desc;
}

constexpr std::string_view kTypes[] = {"mixtral"};
constexpr std::string_view kArchs[] = {"llama"};
constexpr auto kHf = Join(kHfModel, kHfGqa, kHfSparseBlock);
constexpr auto kGguf = Join(kGgufModel, kGgufGqa, kGgufExperts);

}  // namespace

constinit const Family kMixtral{"mixtral",
                                kTypes,
                                kArchs,
                                HasExperts,
                                Build,
                                kHf,
                                kGguf,
                                kSkipRopeBuffers,
                                /*gguf_turns_heads=*/true};

}  // namespace sluice::model
