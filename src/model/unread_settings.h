// Settings that no builder asked for.
#pragma once

#include "model/config.h"
#include "model/desc.h"

namespace sluice::model {

// Some settings change the arithmetic wherever they are known. Where the configuration holds one that the
// family's builder never looked at, it must say what the description does anyway; else it is refused by name.
void RefuseUnread(const Config& config, const Desc& desc);

}  // namespace sluice::model
