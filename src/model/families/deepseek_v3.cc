// DeepSeek-V3 and R1, and Kimi-K2, which is the same model with other numbers: sigmoid scores, a bias that
// takes part in the choice only, groups by their two best experts.
#include "model/families/deepseek.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

// The bias is optional in GGUF.
bool HasSelectionBias(const Config& c) {
  if (!c.from_gguf()) return true;
  for (int l = 0; l < c.Int("num_hidden_layers"); ++l) {
    if (c.FindTensor("blk." + std::to_string(l) + ".exp_probs_b.bias")) return true;
  }
  return false;
}

Desc Build(const Config& c) {
  c.RequireOneOf("scoring_func", {"sigmoid"});
  c.RequireOneOf("topk_method", {"noaux_tc"});
  Router router = ReadDeepSeekRouter(c);
  router.score = Router::Score::kSigmoid;
  router.renormalize = c.Bool("norm_topk_prob", !c.from_gguf()) && router.top_k > 1;
  router.selection_bias = HasSelectionBias(c);
  router.groups = ReadGroups(c, router, Router::Groups::By::kTop2Sum);
  return BuildDeepSeek(c, "deepseek_v3", router);
}

bool Accepts(const Config& c) { return !c.from_gguf() || ScoresBySigmoid(c); }

constexpr std::string_view kTypes[] = {"deepseek_v3", "kimi_k2"};

}  // namespace

constinit const Family kDeepSeekV3{"deepseek_v3", kTypes,      kDeepSeekArchs, Accepts,
                                   Build,         kDeepSeekHf, kDeepSeekGguf,  kDeepSeekSkip};

}  // namespace sluice::model
