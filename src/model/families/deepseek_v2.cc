// DeepSeek-V2, V2.5 and V2-Lite: softmax over all experts, weights not normalised.
#include <fmt/format.h>

#include "model/families/deepseek.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

bool Accepts(const Config& c) { return !c.from_gguf() || !ScoresBySigmoid(c); }

Desc Build(const Config& c) {
  c.RequireOneOf("scoring_func", {"softmax"});
  c.RequireOneOf("topk_method", {"greedy", "group_limited_greedy"});
  Router router = ReadDeepSeekRouter(c);
  // Normalised weights are not scaled: the published code does one or the other.
  router.renormalize = c.Bool("norm_topk_prob", false) && router.top_k > 1;
  if (router.renormalize) router.scale = 1;
  if (c.String("topk_method", "group_limited_greedy") != "greedy") {
    router.groups = ReadGroups(c, router, Router::Groups::By::kMax);
  }
  return BuildDeepSeek(c, "deepseek_v2", router);
}

constexpr std::string_view kTypes[] = {"deepseek_v2"};

}  // namespace

constinit const Family kDeepSeekV2{"deepseek_v2", kTypes,      kDeepSeekArchs, Accepts,
                                   Build,         kDeepSeekHf, kDeepSeekGguf,  kDeepSeekSkip};

}  // namespace sluice::model
