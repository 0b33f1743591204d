// A line on the terminal that counts up.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace sluice::cli {

using ShowFn = std::function<void(int64_t done, int64_t total)>;

// Shows "label 42 %, 1.2 of 2.9 GB, 310 MB/s, 5 s left" on standard error where that is a terminal, and
// clears it at the end.
ShowFn ShowProgress(std::string label);
// The same for things that are counted: "label 42 %, 12 of 29 windows, 3.1 windows/s, 5 s left".
ShowFn ShowCount(std::string label, std::string things);

// "1.2 GB", "340 MB", "17 kB"
std::string ByteCount(double bytes);
// "45 s", "3 min 20 s", "2 h 5 min"
std::string Duration(double seconds);

}  // namespace sluice::cli
