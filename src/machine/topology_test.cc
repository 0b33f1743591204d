#include "machine/topology.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/temporary_directory.h"

namespace sluice::machine {
namespace {

void Write(const std::string& path, std::string_view text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << text;
}

// Two sockets with two cores of two threads each; CPU n and n + 4 share a core.
class FakeMachine : public testing::Test {
 protected:
  void SetUp() override {
    Write(root() + "/proc/cpuinfo",
          "processor\t: 0\nmodel name\t: Example CPU @ 3 GHz\nflags\t\t: fpu avx2 avx512f amx_int8\n\n"
          "processor\t: 1\nmodel name\t: another\n");
    const std::string cpus = root() + "/sys/devices/system/cpu/";
    for (int cpu = 0; cpu < 8; ++cpu) {
      const int core = cpu % 4, socket = core / 2;
      const std::string path = cpus + "cpu" + std::to_string(cpu);
      const std::string siblings = std::to_string(core) + "," + std::to_string(core + 4);
      Write(path + "/topology/thread_siblings_list", siblings + "\n");
      Write(path + "/topology/physical_package_id", std::to_string(socket) + "\n");
      Cache(path + "/cache/index0", "1", "Data", "48K", siblings);
      Cache(path + "/cache/index1", "1", "Instruction", "32K", siblings);
      Cache(path + "/cache/index2", "2", "Unified", "2048K", siblings);
      Cache(path + "/cache/index3", "3", "Unified", "30M", socket == 0 ? "0-1,4-5" : "2-3,6-7");
    }
    Write(cpus + "cpufreq/ignored", "");
    for (int node = 0; node < 2; ++node) {
      const std::string path = root() + "/sys/devices/system/node/node" + std::to_string(node);
      Write(path + "/cpulist", node == 0 ? "0-1,4-5\n" : "2-3,6-7\n");
      Write(path + "/meminfo", "Node " + std::to_string(node) + " MemTotal:       1024 kB\n");
    }
  }

  static void Cache(const std::string& path, const char* level, const char* type, const char* size,
                    const std::string& shared) {
    Write(path + "/level", level);
    Write(path + "/type", type);
    Write(path + "/size", size);
    Write(path + "/shared_cpu_list", shared + "\n");
  }

  std::string root() const { return directory_.path(); }

  TemporaryDirectory directory_;
};

TEST_F(FakeMachine, CountsProcessorsAsTheyShareCores) {
  const Topology topology = ReadTopology(root());
  EXPECT_EQ(topology.cpus, 8);
  EXPECT_EQ(topology.cores, 4);
  EXPECT_EQ(topology.sockets, 2);
  EXPECT_EQ(topology.threads_per_core(), 2);
  ASSERT_EQ(topology.siblings.size(), 4u);
  EXPECT_EQ(topology.siblings[1], (std::vector<int>{1, 5}));
}

TEST_F(FakeMachine, ReadsModelAndFeatures) {
  const Topology topology = ReadTopology(root());
  EXPECT_EQ(topology.model, "Example CPU @ 3 GHz");
  EXPECT_TRUE(topology.Has("amx_int8"));
  EXPECT_FALSE(topology.Has("avx512"));
}

TEST_F(FakeMachine, CountsEachCacheOnce) {
  const Topology topology = ReadTopology(root());
  ASSERT_EQ(topology.caches.size(), 4u);
  const CacheKind& data = topology.caches[0];
  EXPECT_EQ(data.type, "Data");
  EXPECT_EQ(data.bytes, 48 << 10);
  EXPECT_EQ(data.count, 4);
  EXPECT_EQ(data.cpus, 2);
  EXPECT_EQ(topology.caches[3].count, 2);
  EXPECT_EQ(LastLevelCacheBytes(topology), int64_t{60} << 20);
}

TEST_F(FakeMachine, ReadsMemoryNodes) {
  const Topology topology = ReadTopology(root());
  ASSERT_EQ(topology.nodes.size(), 2u);
  EXPECT_EQ(topology.nodes[1].cpus, (std::vector<int>{2, 3, 6, 7}));
  EXPECT_EQ(topology.nodes[1].memory_bytes, 1 << 20);
}

TEST(Topology, IsEmptyWhereNothingIsKnown) {
  const Topology topology = ReadTopology("/nowhere");
  EXPECT_EQ(topology.cpus, 0);
  EXPECT_EQ(topology.threads_per_core(), 1);
  EXPECT_EQ(LastLevelCacheBytes(topology), 0);
}

TEST(Topology, ThisMachineHasProcessors) { EXPECT_GT(ReadTopology().cpus, 0); }

TEST(ParseCpuList, TakesRangesAndNumbers) {
  EXPECT_EQ(ParseCpuList("0-2,8"), (std::vector<int>{0, 1, 2, 8}));
  EXPECT_TRUE(ParseCpuList("").empty());
  EXPECT_TRUE(ParseCpuList("x").empty());
  EXPECT_TRUE(ParseCpuList("0-99999999").empty());
  EXPECT_TRUE(ParseCpuList("-3").empty());
}

}  // namespace
}  // namespace sluice::machine
