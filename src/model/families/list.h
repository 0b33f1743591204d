// Every family, each defined in its own file beside this one.
#pragma once

#include "model/family.h"

namespace sluice::model {

extern const Family kDeepSeekV2, kDeepSeekV3, kLlama, kMixtral, kOlmoe, kQwen2, kQwen2Moe, kQwen3, kQwen3Moe;

}  // namespace sluice::model
