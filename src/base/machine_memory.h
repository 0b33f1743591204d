// How much memory this process could ever have.
#pragma once

#include <cstdint>

namespace sluice {

// Bytes of RAM and swap, or the control group's limit where that is lower.
int64_t MachineMemory();

}  // namespace sluice
