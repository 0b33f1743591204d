// The values of `format` in JSON Schema.
#pragma once

#include <string_view>

namespace sluice::constrain {

// An expression for texts of this format, though not for all of them; empty: the format is not known.
std::string_view FormatExpression(std::string_view format);

}  // namespace sluice::constrain
