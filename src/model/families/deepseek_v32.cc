// DeepSeek-V3.2: the third generation with an indexer in every layer, which rotates halves.
#include "model/families/deepseek.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

Desc Build(const Config& c) {
  Desc desc = BuildDeepSeek(c, "deepseek_v32", ReadDeepSeekV3Router(c));
  AddIndexers(c, c.Bool("indexer_rope_interleave", false), &desc);
  return desc;
}

constexpr std::string_view kTypes[] = {"deepseek_v32"};
constexpr auto kHf = Join(kDeepSeekHf, kHfIndexer);

}  // namespace

constinit const Family kDeepSeekV32{"deepseek_v32", kTypes, {}, nullptr, Build, kHf, {}, kDeepSeekSkip};

}  // namespace sluice::model
