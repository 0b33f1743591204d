// How the panels of a step's matrices are cut: into shares, one for each worker, and these into tiles, which
// workers claim one by one, their own share's first.
#pragma once

#include <algorithm>
#include <span>

#include "backend/cpu/context.h"

namespace sluice::backend::cpu {

// With so many rows for each matrix a step's work is reading, with more it is arithmetic.
inline constexpr int64_t kFewRows = 8;

// Tiles of a share. A worker reads its share from end to end, and what is prefetched behind a tile is its
// next one: short tiles cost little. Where the work is reading they need not be as short to end together.
inline int64_t TilesPerShare(int64_t rows) { return rows <= kFewRows ? 8 : 16; }

inline int64_t Tiles(int64_t things, int64_t per_tile) { return (things + per_tile - 1) / per_tile; }

struct Range {
  int64_t first = 0, last = 0;
  int64_t size() const { return last - first; }
};

// What a share has of a memory node's `count` things in a row.
inline Range PartOf(int64_t count, const Share& share) {
  return {count * share.part / share.parts, count * (share.part + 1) / share.parts};
}

// The panels of a matrix that a memory node holds.
inline Range SliceOf(int64_t panels, const Context& c, int node) {
  const int64_t length = SliceLength(panels, c.nodes);
  return {std::min(node * length, panels), std::min((node + 1) * length, panels)};
}

// Things in a row, cut into tiles of one length.
struct Tiling {
  Range range;
  int64_t length = 1;

  int64_t tiles() const { return Tiles(range.size(), length); }
  Range Tile(int64_t tile) const {
    const int64_t first = range.first + tile * length;
    return {first, std::min(first + length, range.last)};
  }
};

// How a share is cut.
struct ShareTiling : Tiling {
  // Each thing meets so many rows.
  ShareTiling(const Range& share, int64_t rows)
      : Tiling{share, std::max<int64_t>(1, share.size() / TilesPerShare(rows))} {}
  // Of a matrix with so many panels.
  ShareTiling(int64_t panels, int64_t rows, const Context& c, const Share& share)
      : ShareTiling(MatrixPart(panels, c, share), rows) {}

 private:
  static Range MatrixPart(int64_t panels, const Context& c, const Share& share) {
    const Range slice = SliceOf(panels, c, share.node), part = PartOf(slice.size(), share);
    return {slice.first + part.first, slice.first + part.last};
  }
};

// Tiles of every share, of a step whose only matrix, or each of whose matrices, has so many panels; and the
// panels of one of them.
inline void CountMatrixTiles(int64_t panels, int64_t rows, const Context& c, std::span<int64_t> counts) {
  for (size_t s = 0; s < counts.size(); ++s) counts[s] = ShareTiling(panels, rows, c, c.shares[s]).tiles();
}
inline Range PanelsOf(const ShareTile& tile, int64_t panels, int64_t rows, const Context& c) {
  return ShareTiling(panels, rows, c, c.shares[tile.share]).Tile(tile.number);
}

}  // namespace sluice::backend::cpu
