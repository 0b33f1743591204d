#include "model/families/list.h"

namespace sluice::model {

std::span<const Family* const> Families() {
  static constexpr const Family* kFamilies[] = {
      &kArctic,     &kDbrx,      &kDeepSeekV2, &kDeepSeekV3, &kDeepSeekV32,  &kDots1,
      &kErnie45Moe, &kFlexOlmo,  &kGemma2,     &kGemma3,     &kGemma4Moe,    &kGlm4Moe,
      &kGlmMoeDsa,  &kGptOss,    &kGraniteMoe, &kGrok1,      &kHunyuanV1Moe, &kLlama,
      &kLlama4,     &kMiniMaxM2, &kMixtral,    &kOlmoe,      &kPhiMoe,       &kQwen2,
      &kQwen2Moe,   &kQwen3,     &kQwen3Moe,   &kQwen35Moe,  &kQwen3Next,    &kSwitchTransformers,
      &kT5,
  };
  return kFamilies;
}

}  // namespace sluice::model
