#pragma once

#include <cstdint>
#include <functional>

namespace sluice::convert {

// Bytes of the output so far, and in all. Called from the calling thread, a few times for each tensor.
using WriteProgress = std::function<void(uint64_t done, uint64_t total)>;

}  // namespace sluice::convert
