// GLM-5: DeepSeek-V3's layers with an indexer that rotates pairs and that some layers share.
#include "model/families/deepseek.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

Desc Build(const Config& c) {
  Desc desc = BuildDeepSeek(c, "glm_moe_dsa", ReadDeepSeekV3Router(c));
  AddIndexers(c, c.Bool("indexer_rope_interleave", true), &desc);
  return desc;
}

constexpr std::string_view kTypes[] = {"glm_moe_dsa"};
constexpr std::string_view kArchs[] = {"glm-dsa"};
constexpr auto kHf = Join(kDeepSeekHf, kHfIndexer);
constexpr auto kGguf = Join(kDeepSeekGguf, kGgufIndexer);

}  // namespace

constinit const Family kGlmMoeDsa{"glm_moe_dsa", kTypes, kArchs, nullptr, Build, kHf, kGguf, kDeepSeekSkip};

}  // namespace sluice::model
