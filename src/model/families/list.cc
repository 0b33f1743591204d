#include "model/families/list.h"

namespace sluice::model {

std::span<const Family* const> Families() {
  static constexpr const Family* kFamilies[] = {&kDeepSeekV2, &kDeepSeekV3, &kLlama, &kMixtral, &kOlmoe,
                                                &kQwen2,      &kQwen2Moe,   &kQwen3, &kQwen3Moe};
  return kFamilies;
}

}  // namespace sluice::model
