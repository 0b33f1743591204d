// DeepSeek-V3 and R1, and Kimi-K2, which is the same model with other numbers: sigmoid scores, a bias that
// takes part in the choice only, groups by their two best experts.
#include "model/families/deepseek.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

Desc Build(const Config& c) { return BuildDeepSeek(c, "deepseek_v3", ReadDeepSeekV3Router(c)); }

bool Accepts(const Config& c) { return !c.from_gguf() || ScoresBySigmoid(c); }

constexpr std::string_view kTypes[] = {"deepseek_v3", "kimi_k2"};

}  // namespace

constinit const Family kDeepSeekV3{"deepseek_v3", kTypes,      kDeepSeekArchs, Accepts,
                                   Build,         kDeepSeekHf, kDeepSeekGguf,  kDeepSeekSkip};

}  // namespace sluice::model
