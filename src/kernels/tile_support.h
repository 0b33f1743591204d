// Whether this process may use AMX tiles: the processor needs them, the system must save them, and it must
// have let this process use them.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::kernels {

// What cpuid and xgetbv say; all zero where they cannot be asked.
struct TileFacts {
  uint32_t features = 0;        // edx of leaf 7
  uint64_t enabled_states = 0;  // XCR0
  // Of palette 1: leaf 0x1d, subleaf 1.
  int tile_bytes = 0, row_bytes = 0, tiles = 0, rows = 0;
};
TileFacts ReadTileFacts();

// Why tiles of 8-bit integers cannot be used by this processor and system, for people; empty: they can be
// asked for.
std::string TileObstacle(const TileFacts& facts);

// The same of this process. Asks the system to let it use tiles, once, unless it is clear that it cannot.
const std::string& TileObstacle();

}  // namespace sluice::kernels
