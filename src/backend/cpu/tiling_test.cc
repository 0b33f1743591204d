#include "backend/cpu/tiling.h"

#include <gtest/gtest.h>

namespace sluice::backend::cpu {
namespace {

// Every panel once, in order, and no tile without one.
void ExpectWhole(const TileLengths& lengths, int64_t panels) {
  int64_t next = 0;
  for (int64_t tile = 0; tile < lengths.TilesOf(panels); ++tile) {
    const PanelRange range = lengths.PanelsOf(tile, panels);
    ASSERT_EQ(range.first, next) << panels << " panels, tile " << tile;
    ASSERT_GT(range.size(), 0) << panels << " panels, tile " << tile;
    next = range.last;
  }
  ASSERT_EQ(next, panels);
}

TEST(TileLengths, CoverEveryPanelOnce) {
  for (int nodes : {1, 2, 3})
    for (int workers = 1; workers < 20; ++workers) {
      Context c;
      c.workers = workers;
      c.nodes = nodes;
      for (int64_t rows : {1, 8, 9, 500})
        for (int64_t panels = 0; panels < 300; ++panels) {
          const TileLengths lengths = LengthsFor(panels, rows, c);
          ASSERT_NO_FATAL_FAILURE(ExpectWhole(lengths, panels));
          // The last node's slice may be shorter than those that the lengths are made for.
          ASSERT_NO_FATAL_FAILURE(ExpectWhole(lengths, panels / 2));
        }
    }
}

TEST(TileLengths, WithFewRowsEachWorkerReadsMostOfItsShareAtOneGo) {
  Context c;
  c.workers = 2;
  const TileLengths lengths = LengthsFor(128, 1, c);
  EXPECT_EQ(lengths.PanelsOf(0, 128).size(), 48);
  EXPECT_EQ(lengths.PanelsOf(1, 128).size(), 48);
  EXPECT_EQ(lengths.PanelsOf(2, 128).size(), 8);
  EXPECT_EQ(lengths.TilesOf(128), 6);
}

TEST(TileLengths, WithManyRowsAllAreShort) {
  Context c;
  c.workers = 2;
  const TileLengths lengths = LengthsFor(128, 100, c);
  EXPECT_EQ(lengths.TilesOf(128), 32);
  EXPECT_EQ(lengths.PanelsOf(31, 128).size(), 4);
}

}  // namespace
}  // namespace sluice::backend::cpu
