#include "backend/cpu/tiling.h"

#include <gtest/gtest.h>

namespace sluice::backend::cpu {
namespace {

// Every panel of a matrix once, in order, and no tile without one.
void ExpectEveryPanelOnce(int64_t panels, int64_t rows, const Context& c) {
  int64_t next = 0;
  for (const Share& share : c.shares) {
    const ShareTiling tiling(panels, rows, c, share);
    for (int64_t tile = 0; tile < tiling.tiles(); ++tile) {
      const Range range = tiling.Tile(tile);
      ASSERT_EQ(range.first, next) << panels << " panels, tile " << tile;
      ASSERT_GT(range.size(), 0) << panels << " panels, tile " << tile;
      next = range.last;
    }
    ASSERT_LE(next, SliceOf(panels, c, share.node).last) << "a tile spans two nodes";
  }
  ASSERT_EQ(next, panels);
}

TEST(ShareTiling, CoversEveryPanelOnce) {
  for (int nodes : {1, 2, 3})
    for (int workers = 1; workers < 20; ++workers) {
      Context c;
      c.nodes = nodes;
      for (int node = 0; node < nodes; ++node)
        for (int part = 0; part < workers; ++part) c.shares.push_back({node, part, workers});
      for (int64_t rows : {1, 8, 9, 500})
        for (int64_t panels = 0; panels < 300; ++panels)
          ASSERT_NO_FATAL_FAILURE(ExpectEveryPanelOnce(panels, rows, c));
    }
}

TEST(ShareTiling, TilesAreShorterWhereTheWorkIsArithmetic) {
  const Range share{64, 128};
  EXPECT_EQ(ShareTiling(share, 1).tiles(), 8);
  EXPECT_EQ(ShareTiling(share, 1).Tile(0).size(), 8);
  EXPECT_EQ(ShareTiling(share, 100).tiles(), 16);
  EXPECT_EQ(ShareTiling(share, 100).Tile(15).last, 128);
}

TEST(PartOf, PartsAreAsEqualAsTheyCanBe) {
  EXPECT_EQ(PartOf(7, Share{.parts = 2}).size(), 3);
  EXPECT_EQ(PartOf(7, Share{.part = 1, .parts = 2}).size(), 4);
  EXPECT_EQ(PartOf(0, Share{.parts = 2}).size(), 0);
}

}  // namespace
}  // namespace sluice::backend::cpu
