// A pair of overloads per step: how many tiles it has for this batch, and how one tile is run. Tiles of a
// step are independent: workers take them in any order. Of a step that reads slices of matrices each share
// has tiles of its own; the tiles of other steps are numbered, and each share has as many.
#pragma once

#include <span>

#include "backend/cpu/context.h"

namespace sluice::backend::cpu {

#define SLUICE_STEP(Type)                                       \
  int64_t TileCount(const model::Type& step, const Context& c); \
  void RunTile(const model::Type& step, const Context& c, Worker& worker, int64_t tile)

SLUICE_STEP(EmbedStep);
SLUICE_STEP(CopyStep);
SLUICE_STEP(NormStep);
SLUICE_STEP(QuantizeStep);
SLUICE_STEP(AddNormStep);
SLUICE_STEP(ZeroStep);
SLUICE_STEP(ScaleStep);
SLUICE_STEP(RotateStoreStep);
SLUICE_STEP(AttendStep);
SLUICE_STEP(LatentStoreStep);
SLUICE_STEP(LatentQueryStep);
SLUICE_STEP(LatentAttendStep);
SLUICE_STEP(LatentValueStep);
SLUICE_STEP(DeltaConvStep);
SLUICE_STEP(DeltaRuleStep);
SLUICE_STEP(IndexStoreStep);
SLUICE_STEP(IndexScoreStep);
SLUICE_STEP(IndexChooseStep);
SLUICE_STEP(RouteStep);
SLUICE_STEP(QuantizeHiddenStep);
SLUICE_STEP(AdaptStep);
SLUICE_STEP(AdaptExpertsStep);

#undef SLUICE_STEP

// counts: [shares]
#define SLUICE_SLICED_STEP(Type)                                                         \
  void CountTiles(const model::Type& step, const Context& c, std::span<int64_t> counts); \
  void RunTile(const model::Type& step, const Context& c, Worker& worker, ShareTile tile)

SLUICE_SLICED_STEP(ProjectStep);
SLUICE_SLICED_STEP(ResidualStep);
SLUICE_SLICED_STEP(HeadStep);
SLUICE_SLICED_STEP(GateUpStep);
SLUICE_SLICED_STEP(DownStep);

#undef SLUICE_SLICED_STEP

// The first of a share where tiles are numbered; where the share after it begins it ends.
inline int64_t FirstTile(int64_t tiles, int64_t share, const Context& c) {
  return tiles * share / static_cast<int64_t>(c.shares.size());
}

template <typename Step>
void CountTiles(const Step& step, const Context& c, std::span<int64_t> counts) {
  const int64_t tiles = TileCount(step, c);
  for (int64_t s = 0; s < static_cast<int64_t>(counts.size()); ++s)
    counts[s] = FirstTile(tiles, s + 1, c) - FirstTile(tiles, s, c);
}

template <typename Step>
void RunTile(const Step& step, const Context& c, Worker& worker, ShareTile tile) {
  RunTile(step, c, worker, FirstTile(tile.all, tile.share, c) + tile.number);
}

}  // namespace sluice::backend::cpu
