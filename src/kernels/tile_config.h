// What ldtilecfg reads, and what this process needs to use it.
#pragma once

#include <cstdint>

namespace sluice::kernels {

inline constexpr int kTileRows = 16, kTileRowBytes = 64, kTiles = 8;

struct alignas(64) TileConfig {
  uint8_t palette;
  uint8_t start_row;  // where an interrupted load goes on
  uint8_t reserved[14];
  uint16_t row_bytes[16];  // of the first kTiles; the others must be 0
  uint8_t rows[16];        // likewise
};
static_assert(sizeof(TileConfig) == 64);

// All tiles as large as palette 1 has them.
consteval TileConfig FullTiles() {
  TileConfig config{};
  config.palette = 1;
  for (int tile = 0; tile < kTiles; ++tile) {
    config.row_bytes[tile] = kTileRowBytes;
    config.rows[tile] = kTileRows;
  }
  return config;
}
constexpr TileConfig kFullTiles = FullTiles();

}  // namespace sluice::kernels
