// Another program, run to its end.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::perf {

// What it wrote to standard output; its standard error is dropped. kMissing, kPermission: it cannot be
// started; kIo: it ended with another status than 0, or by a signal.
Result<std::string> RunProgram(const std::string& path, const std::vector<std::string>& arguments);

}  // namespace sluice::perf
