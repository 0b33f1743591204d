// Every family, each defined in its own file beside this one.
#pragma once

#include "model/family.h"

namespace sluice::model {

extern const Family kLlama, kMixtral;

}  // namespace sluice::model
