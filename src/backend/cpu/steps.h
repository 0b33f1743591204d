// One pair of overloads per step: how many tiles it has for this batch, and how one tile is run. Tiles of a
// step are independent: workers take them in any order. Where memory has several nodes, a step that reads
// their slices of matrices has the first node's tiles first, and says where each node's begin; of other steps
// each node takes as many.
#pragma once

#include "backend/cpu/context.h"

namespace sluice::backend::cpu {

#define SLUICE_STEP(Type)                                       \
  int64_t TileCount(const model::Type& step, const Context& c); \
  void RunTile(const model::Type& step, const Context& c, Worker& worker, int64_t tile)

SLUICE_STEP(EmbedStep);
SLUICE_STEP(CopyStep);
SLUICE_STEP(NormStep);
SLUICE_STEP(QuantizeStep);
SLUICE_STEP(ProjectStep);
SLUICE_STEP(ResidualStep);
SLUICE_STEP(AddNormStep);
SLUICE_STEP(ZeroStep);
SLUICE_STEP(ScaleStep);
SLUICE_STEP(HeadStep);
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
SLUICE_STEP(GateUpStep);
SLUICE_STEP(QuantizeHiddenStep);
SLUICE_STEP(DownStep);
SLUICE_STEP(AdaptStep);
SLUICE_STEP(AdaptExpertsStep);

#undef SLUICE_STEP

template <typename Step>
int64_t FirstTile(const Step& step, const Context& c, int node) {
  return TileCount(step, c) * node / c.nodes;
}
int64_t FirstTile(const model::ProjectStep& step, const Context& c, int node);
int64_t FirstTile(const model::ResidualStep& step, const Context& c, int node);
int64_t FirstTile(const model::HeadStep& step, const Context& c, int node);
int64_t FirstTile(const model::GateUpStep& step, const Context& c, int node);
int64_t FirstTile(const model::DownStep& step, const Context& c, int node);

}  // namespace sluice::backend::cpu
