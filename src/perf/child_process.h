// Other programs.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::perf {

// Starts one that writes to `output`, reads nothing and complains to nobody; the process to wait for.
// kMissing, kPermission, kOs: it cannot be started.
Result<int> StartProgram(const std::string& path, const std::vector<std::string>& arguments, int output);

// Runs one to its end: what it wrote to standard output; its standard error is dropped. kMissing,
// kPermission: it cannot be started; kIo: it ended with another status than 0, or by a signal.
Result<std::string> RunProgram(const std::string& path, const std::vector<std::string>& arguments);

}  // namespace sluice::perf
