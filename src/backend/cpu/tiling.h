// How the panels of a step's matrices are cut into tiles, which workers claim one by one.
#pragma once

#include "backend/cpu/context.h"

namespace sluice::backend::cpu {

// With so many rows for each matrix a step's work is reading, with more it is arithmetic.
inline constexpr int64_t kFewRows = 8;

// Tiles that a step is cut into. Where the work is reading: long tiles, since each begins with a read that
// nobody foresaw. Where it is arithmetic: short tiles, to end together.
inline int64_t TilesWanted(int64_t rows, const Context& c) {
  constexpr int64_t kLongPerWorker = 4, kShortPerWorker = 16;
  return c.workers * (rows <= kFewRows ? kLongPerWorker : kShortPerWorker);
}
inline int64_t Tiles(int64_t panels, int64_t per_tile) { return (panels + per_tile - 1) / per_tile; }

struct PanelRange {
  int64_t first = 0, last = 0;
  int64_t size() const { return last - first; }
};

// Panels in a row, cut into tiles: some long ones first, then others of equal length.
struct TileLengths {
  int64_t long_tiles = 0, long_length = 0, length = 1;

  int64_t TilesOf(int64_t panels) const {
    if (panels == 0) return 0;
    const int64_t rest = panels - long_tiles * long_length;
    return rest <= 0 ? Tiles(panels, long_length) : long_tiles + Tiles(rest, length);
  }
  PanelRange PanelsOf(int64_t tile, int64_t panels) const {
    const bool is_long = tile < long_tiles;
    const int64_t first =
        is_long ? tile * long_length : long_tiles * long_length + (tile - long_tiles) * length;
    return {std::min(first, panels), std::min(first + (is_long ? long_length : length), panels)};
  }
};

// For a memory node's `panels` that meet so many rows each. Where the work is reading, each worker reads most
// of its share at one go; what is left is short, for whoever is done.
inline TileLengths LengthsFor(int64_t panels, int64_t rows, const Context& c) {
  const int64_t workers = std::max(1, c.workers / c.nodes);
  if (rows > kFewRows) return {.length = std::max<int64_t>(1, panels * c.nodes / TilesWanted(rows, c))};
  return {.long_tiles = workers,
          .long_length = std::max<int64_t>(1, panels * 3 / 4 / workers),
          .length = std::max<int64_t>(1, panels / 8 / workers)};
}

// The panels of a matrix that a memory node holds.
inline PanelRange SliceOf(int64_t panels, const Context& c, int node) {
  const int64_t length = SliceLength(panels, c.nodes);
  return {std::min(node * length, panels), std::min((node + 1) * length, panels)};
}

// How the panels of one matrix, or of several of one shape, are cut into tiles: node by node, so that no tile
// reads from two.
class PanelTiling {
 public:
  PanelTiling(int64_t panels, const TileLengths& lengths, const Context& c)
      : panels_(panels), lengths_(lengths), context_(c) {}
  PanelTiling(int64_t panels, int64_t rows, const Context& c)
      : PanelTiling(panels, LengthsFor(SliceLength(panels, c.nodes), rows, c), c) {}
  PanelTiling(int64_t panels, const Context& c) : PanelTiling(panels, c.tokens(), c) {}

  int64_t TilesOf(int node) const { return lengths_.TilesOf(SliceOf(panels_, context_, node).size()); }
  int64_t FirstTile(int node) const {
    int64_t first = 0;
    for (int n = 0; n < node; ++n) first += TilesOf(n);
    return first;
  }
  // The tile-th of a node.
  PanelRange PanelsOf(int node, int64_t tile) const {
    const PanelRange slice = SliceOf(panels_, context_, node);
    const PanelRange panels = lengths_.PanelsOf(tile, slice.size());
    return {slice.first + panels.first, slice.first + panels.last};
  }
  PanelRange PanelsOf(int64_t tile) const {
    int node = 0;
    for (; tile >= TilesOf(node); ++node) tile -= TilesOf(node);
    return PanelsOf(node, tile);
  }

 private:
  int64_t panels_;
  TileLengths lengths_;
  const Context& context_;
};

}  // namespace sluice::backend::cpu
