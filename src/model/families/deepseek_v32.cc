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
constexpr std::string_view kArchs[] = {"deepseek32"};
constexpr auto kHf = Join(kDeepSeekHf, kHfIndexer);
constexpr auto kGguf = Join(kDeepSeekGguf, kGgufIndexer);

}  // namespace

constinit const Family kDeepSeekV32{"deepseek_v32", kTypes, kArchs, nullptr,
                                    Build,          kHf,    kGguf,  kDeepSeekSkip};

}  // namespace sluice::model
