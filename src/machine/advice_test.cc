#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "machine/machine.h"

namespace sluice::machine {
namespace {

Rate Steady(double rate) { return {rate, rate, rate}; }

Scaling At(int threads, double read) {
  return {.threads = threads, .read = Steady(read), .int8 = Steady(1e12), .f32 = Steady(1e11)};
}

// Nothing to complain about.
Machine Good() {
  Machine machine;
  machine.topology.model = "Example";
  machine.topology.cpus = machine.topology.cores = 4;
  machine.topology.sockets = 1;
  machine.topology.nodes.resize(1);
  machine.memory = {.total = int64_t{32} << 30, .available = int64_t{30} << 30, .huge_pages = "madvise"};
  machine.isa = kernels::Isa::kAvx512;
  machine.why_not_better = "not amx: the system refuses";
  machine.usable_cores = 4;
  machine.scaling = {At(1, 20e9), At(2, 40e9), At(4, 70e9)};
  return machine;
}

bool Advises(const Machine& machine, std::string_view change, std::string_view reason) {
  for (const Advice& advice : Advise(machine))
    if (advice.change.find(change) != std::string::npos && advice.reason.find(reason) != std::string::npos)
      return true;
  return false;
}

TEST(Advise, HasNothingToSayOfAGoodMachine) {
  EXPECT_TRUE(Advise(Good()).empty());
  EXPECT_NE(MachineText(Good()).find("Nothing to change"), std::string::npos);
}

TEST(Advise, NamesSlowInstructions) {
  Machine machine = Good();
  machine.isa = kernels::Isa::kScalar;
  EXPECT_TRUE(Advises(machine, "AVX2", "plain C++"));
}

TEST(Advise, AsksForHugePages) {
  Machine machine = Good();
  machine.memory.huge_pages = "never";
  EXPECT_TRUE(Advises(machine, "transparent_hugepage", "4 kB"));
}

TEST(Advise, ExplainsLimits) {
  Machine machine = Good();
  machine.memory.limit = int64_t{8} << 30;
  machine.memory.cpu_quota = 1.5;
  machine.usable_cores = 3;
  EXPECT_TRUE(Advises(machine, "memory limit", "8.6 of"));
  EXPECT_TRUE(Advises(machine, "--threads 1", "1.5 of 3"));
  EXPECT_TRUE(Advises(machine, "cpuset", "3 of 4"));
}

TEST(Advise, FindsThatFewerThreadsReadAsFast) {
  Machine machine = Good();
  machine.scaling = {At(1, 20e9), At(2, 39e9), At(4, 40e9)};
  EXPECT_TRUE(Advises(machine, "--threads 2", "2 threads read 39 GB/s"));
}

TEST(Advise, DistrustsUnsteadyFigures) {
  Machine machine = Good();
  machine.scaling[1].read.lowest = 10e9;
  EXPECT_TRUE(Advises(machine, "bench", "2 threads"));
}

TEST(Advise, SpeaksOfNodesClocksAndDisks) {
  Machine machine = Good();
  machine.topology.nodes.resize(2);
  machine.memory.numa_balancing = true;
  machine.memory.governor = "powersave";
  machine.disk = DiskRates{.path = "/data", .sequential = 2e8};
  machine.placement = "each holds a slice";
  EXPECT_TRUE(Advises(machine, "interleave", "2 nodes"));
  EXPECT_TRUE(Advises(machine, "interleave", "each holds a slice"));
  EXPECT_FALSE(Advises(machine, "mbind", ""));
  machine.placement_refused = "not permitted";
  EXPECT_TRUE(Advises(machine, "mbind", "not permitted"));
  EXPECT_TRUE(Advises(machine, "numa_balancing=0", ""));
  EXPECT_TRUE(Advises(machine, "performance", "powersave"));
  EXPECT_TRUE(Advises(machine, "faster disk", "100 s"));
}

TEST(MachineJson, CarriesWhatTheTextSays) {
  Machine machine = Good();
  machine.disk = DiskRates{.path = "/data", .sequential = 2e9, .random = 1e9, .direct = true};
  const nlohmann::ordered_json json = MachineJson(machine);
  EXPECT_EQ(json["processor"]["cores"], 4);
  EXPECT_EQ(json["isa"], "avx512");
  EXPECT_EQ(json["why_not_better"], machine.why_not_better);
  EXPECT_NE(MachineText(machine).find("\n              " + machine.why_not_better + "\n"), std::string::npos);
  EXPECT_EQ(json["scaling"][2]["read_bytes_per_second"]["median"], 70e9);
  EXPECT_EQ(json["disk"]["sequential_bytes_per_second"], 2e9);
  EXPECT_TRUE(json["memory"]["limit_bytes"].is_null());
  EXPECT_TRUE(json["advice"].empty());
}

}  // namespace
}  // namespace sluice::machine
