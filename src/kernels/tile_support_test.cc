#include "kernels/tile_support.h"

#include <gtest/gtest.h>

#include "kernels/isa.h"

namespace sluice::kernels {
namespace {

// As Sapphire Rapids and its successors answer.
TileFacts Whole() {
  return {.features = 3u << 24,
          .enabled_states = 0x602e7,
          .tile_bytes = 1024,
          .row_bytes = 64,
          .tiles = 8,
          .rows = 16};
}

TEST(TileObstacle, IsNoneOnAWholeMachine) { EXPECT_EQ(TileObstacle(Whole()), ""); }

TEST(TileObstacle, NamesWhatIsMissing) {
  TileFacts facts = Whole();
  for (const uint32_t features : {0u, 1u << 24, 1u << 25}) {
    facts.features = features;
    EXPECT_NE(TileObstacle(facts).find("no AMX-INT8"), std::string::npos) << features;
  }
  facts = Whole();
  for (const uint64_t states : {0x2e7ull, 0x202e7ull, 0x402e7ull}) {
    facts.enabled_states = states;
    EXPECT_NE(TileObstacle(facts).find("XCR0 0x"), std::string::npos) << states;
  }
  facts = Whole();
  facts.rows = 8;
  EXPECT_NE(TileObstacle(facts).find("8 tiles of 8 rows"), std::string::npos);
}

// This machine's own answers hold together, whatever they are.
TEST(TileObstacle, OfThisProcessStandsBeforeTheTier) {
  const std::string facts = TileObstacle(ReadTileFacts());
  if (!facts.empty()) {
    EXPECT_EQ(TileObstacle(), facts);
  }
  EXPECT_EQ(Supported(Isa::kAmx), Supported(Isa::kAvx512) && TileObstacle().empty());
}

TEST(Isa, EveryTierRunsWhatTheOnesBeforeItRun) {
  bool before = true;
  for (const Isa isa : kAllIsas) {
    EXPECT_TRUE(before || !Supported(isa)) << Name(isa);
    before = Supported(isa);
    EXPECT_EQ(ParseIsa(Name(isa)).value(), isa);
    EXPECT_EQ(Obstacle(isa).empty(), Supported(isa));
  }
  EXPECT_EQ(WhyNotBetter(Isa::kAmx), "");
}

}  // namespace
}  // namespace sluice::kernels
