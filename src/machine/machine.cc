#include "machine/machine.h"

#include "base/thread_team.h"
#include "machine/bandwidth.h"
#include "machine/node_choice.h"
#include "machine/peak.h"

namespace sluice::machine {
namespace {

// 1, 2, 4, ..., most
std::vector<int> ThreadCounts(int most) {
  std::vector<int> counts;
  for (int threads = 1; threads < most; threads *= 2) counts.push_back(threads);
  counts.push_back(most);
  return counts;
}

}  // namespace

Result<Machine> ExamineMachine(const std::string& disk) {
  Machine machine{.topology = ReadTopology(), .memory = ReadMemory()};
  SLUICE_TRY(machine.isa, kernels::SelectIsa());
  machine.why_not_better = kernels::WhyNotBetter(machine.isa);
  machine.usable_cores = static_cast<int>(PhysicalCpus().size());
  const NodeChoice nodes = ChooseNodes(machine.topology, PhysicalCpus(), machine.usable_cores, Numa::kAuto);
  machine.placement = nodes.reason;
  machine.placement_refused = WhyNotPlaced(nodes.layout).value_or("");
  for (const int threads : ThreadCounts(machine.usable_cores)) {
    ThreadTeam team(threads);
    Scaling scaling{.threads = threads};
    SLUICE_TRY(scaling.read, ReadBandwidth(team, LastLevelCacheBytes(machine.topology)));
    scaling.int8 = Int8Peak(team, machine.isa);
    scaling.f32 = FloatPeak(team, machine.isa);
    machine.scaling.push_back(scaling);
  }
  if (!disk.empty()) {
    SLUICE_TRY(machine.disk, MeasureDisk(disk));
  }
  return machine;
}

}  // namespace sluice::machine
