// The names in a directory.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::formats {

// Plain names, sorted, without "." and "..".
Result<std::vector<std::string>> ListDirectory(const std::string& directory);

}  // namespace sluice::formats
