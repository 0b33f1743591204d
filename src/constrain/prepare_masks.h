// Looks ahead of a grammar's first answer.
#pragma once

#include "constrain/masks.h"

namespace sluice::constrain {

// Remembers what may come first, and what may come where much text can stand, within a bounded number of
// steps from the start.
void PrepareMasks(Masks& masks);

}  // namespace sluice::constrain
