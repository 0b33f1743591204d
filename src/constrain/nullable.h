// Which expressions match the empty text.
#pragma once

#include <vector>

#include "constrain/grammar.h"

namespace sluice::constrain {

std::vector<bool> NullableExpressions(const Grammar& grammar);

}  // namespace sluice::constrain
