// Lists of numbers on the command line.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::cli {

// "512,2048" -> {512, 2048}; an empty text is an empty list. A number outside [least, most] is refused, as is
// what is none; messages name `flag`.
Result<std::vector<int64_t>> ParseNumbers(std::string_view flag, std::string_view text, int64_t least,
                                          int64_t most);

}  // namespace sluice::cli
