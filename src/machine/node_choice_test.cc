#include "machine/node_choice.h"

#include <gtest/gtest.h>

namespace sluice::machine {
namespace {

// Cores 0 to 3 on one node, 4 to 7 on the other, and a node of memory alone.
Topology TwoSockets() {
  Topology topology;
  topology.nodes = {{0, {0, 1, 2, 3, 8, 9, 10, 11}, 1 << 30}, {1, {4, 5, 6, 7}, 1 << 30}, {2, {}, 1 << 30}};
  return topology;
}

std::vector<int> Cores(int first, int last) {
  std::vector<int> cores;
  for (int core = first; core < last; ++core) cores.push_back(core);
  return cores;
}

TEST(ChooseNodes, SharesCoresOutAmongNodesThatHaveSome) {
  const NodeChoice choice = ChooseNodes(TwoSockets(), Cores(0, 8), 8, Numa::kAuto);
  ASSERT_EQ(choice.layout.nodes.size(), 2u);
  EXPECT_EQ(choice.layout.nodes[0].cpus, Cores(0, 4)) << "one per core";
  EXPECT_EQ(choice.layout.nodes[1].cpus, Cores(4, 8));
  EXPECT_EQ(choice.layout.nodes[1].id, 1);
  EXPECT_NE(choice.reason.find("each of 2 memory nodes"), std::string::npos) << choice.reason;
}

TEST(ChooseNodes, LeavesOneNodeAlone) {
  Topology one;
  one.nodes = {{0, {0, 1}, 1 << 30}};
  for (const Numa numa : {Numa::kAuto, Numa::kOff, Numa::kSlices})
    EXPECT_TRUE(ChooseNodes(one, Cores(0, 2), 2, numa).layout.nodes.empty());
  EXPECT_TRUE(ChooseNodes({}, Cores(0, 2), 2, Numa::kSlices).layout.nodes.empty()) << "nothing is known";
  const NodeChoice pinned = ChooseNodes(TwoSockets(), Cores(4, 8), 4, Numa::kSlices);
  EXPECT_TRUE(pinned.layout.nodes.empty());
  EXPECT_NE(pinned.reason.find("one memory node has all cores"), std::string::npos) << pinned.reason;
}

TEST(ChooseNodes, DoesAsItIsTold) {
  EXPECT_TRUE(ChooseNodes(TwoSockets(), Cores(0, 8), 8, Numa::kOff).layout.nodes.empty());
  EXPECT_TRUE(ChooseNodes(TwoSockets(), Cores(0, 8), 1, Numa::kSlices).layout.nodes.empty());
  // Three cores here, one there.
  const NodeChoice uneven = ChooseNodes(TwoSockets(), Cores(1, 5), 4, Numa::kAuto);
  EXPECT_TRUE(uneven.layout.nodes.empty());
  EXPECT_NE(uneven.reason.find("--numa slices"), std::string::npos) << uneven.reason;
  EXPECT_EQ(ChooseNodes(TwoSockets(), Cores(1, 5), 4, Numa::kSlices).layout.nodes.size(), 2u);
}

TEST(WhyNotPlaced, HearsTheSystem) {
  EXPECT_FALSE(WhyNotPlaced({}));
  const auto refused = WhyNotPlaced({{{0, {0}}, {1000, {1}}}});
  ASSERT_TRUE(refused);
  EXPECT_NE(refused->find("node"), std::string::npos) << *refused;
}

}  // namespace
}  // namespace sluice::machine
