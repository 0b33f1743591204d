// AMX tiles in plain C++, by the definition of each instruction: the names of tiles_amx.h. What would fault
// ends the program. For tier files only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "kernels/math.h"
#include "kernels/tile_config.h"

namespace sluice::kernels {
namespace {

class Tiles {
 public:
  void Configure() {
    Demand(kFullTiles.palette == 1 && kFullTiles.start_row == 0);
    for (const uint8_t byte : kFullTiles.reserved) Demand(byte == 0);
    for (int tile = 0; tile < 16; ++tile) {
      const int rows = kFullTiles.rows[tile], row_bytes = kFullTiles.row_bytes[tile];
      if (tile >= kTiles) {
        Demand(rows == 0 && row_bytes == 0);
        continue;
      }
      Demand(rows > 0 && rows <= kTileRows && row_bytes > 0 && row_bytes <= kTileRowBytes);
      tile_[tile] = {.rows = rows, .row_bytes = row_bytes, .data = {}};
    }
    configured_ = true;
  }
  void Release() { configured_ = false; }

  template <int kTile>
  void Zero() {
    At<kTile>().data = {};
  }
  template <int kTile>
  void Load(const void* rows, int64_t stride) {
    Tile& tile = At<kTile>();
    tile.data = {};
    for (int r = 0; r < tile.rows; ++r)
      __builtin_memcpy(tile.data.row[r], static_cast<const std::byte*>(rows) + r * stride, tile.row_bytes);
  }
  template <int kTile>
  void Store(void* rows, int64_t stride) {
    const Tile& tile = At<kTile>();
    for (int r = 0; r < tile.rows; ++r)
      __builtin_memcpy(static_cast<std::byte*>(rows) + r * stride, tile.data.row[r], tile.row_bytes);
  }
  template <int kSum, int kA, int kB>
  void AddSigned() {
    Multiply<int8_t>(At<kSum>(), At<kA>(), At<kB>());
  }
  template <int kSum, int kA, int kB>
  void AddUnsigned() {
    Multiply<uint8_t>(At<kSum>(), At<kA>(), At<kB>());
  }

 private:
  struct Data {
    uint8_t row[kTileRows][kTileRowBytes];
  };
  struct Tile {
    int rows, row_bytes;
    Data data;
  };

  static void Demand(bool condition) {
    if (!condition) std::abort();
  }

  template <int kTile>
  Tile& At() {
    static_assert(kTile >= 0 && kTile < kTiles);
    Demand(configured_);
    return tile_[kTile];
  }

  template <typename Right>
  static void Multiply(Tile& sum, const Tile& a, const Tile& b) {
    Demand(&sum != &a && &sum != &b && &a != &b);
    Demand(a.rows == sum.rows && b.row_bytes == sum.row_bytes && a.row_bytes == 4 * b.rows);
    for (int m = 0; m < sum.rows; ++m)
      for (int q = 0; q < b.rows; ++q)
        for (int n = 0; n < sum.row_bytes / 4; ++n) {
          uint32_t total;
          __builtin_memcpy(&total, sum.data.row[m] + 4 * n, 4);
          for (int i = 0; i < 4; ++i)
            total += static_cast<uint32_t>(static_cast<int8_t>(a.data.row[m][4 * q + i]) *
                                           static_cast<Right>(b.data.row[q][4 * n + i]));
          __builtin_memcpy(sum.data.row[m] + 4 * n, &total, 4);
        }
  }

  bool configured_ = false;
  Tile tile_[kTiles];
};

}  // namespace
}  // namespace sluice::kernels
