// Every family, each defined in its own file beside this one.
#pragma once

#include "model/family.h"

namespace sluice::model {

extern const Family kArctic, kDbrx, kDeepSeekV2, kDeepSeekV3, kDeepSeekV32, kDots1, kErnie45Moe, kFlexOlmo,
    kGemma2, kGemma3, kGemma4Moe, kGlm4Moe, kGlmMoeDsa, kGptOss, kGraniteMoe, kGrok1, kHunyuanV1Moe, kLlama,
    kLlama4, kMiniMaxM2, kMixtral, kOlmoe, kPhiMoe, kQwen2, kQwen2Moe, kQwen3, kQwen35Moe, kQwen3Moe,
    kQwen3Next, kSwitchTransformers, kT5;

}  // namespace sluice::model
