// A line on the terminal that counts up.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace sluice::cli {

// Shows "label 42 %, 1.2 of 2.9 GB" on standard error where that is a terminal, and clears it at the end.
std::function<void(int64_t done_bytes, int64_t total_bytes)> ShowProgress(std::string label);

// "1.2 GB", "340 MB", "17 kB"
std::string ByteCount(double bytes);

}  // namespace sluice::cli
