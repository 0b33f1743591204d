// All that is known of a machine: read from the system, and measured.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernels/isa.h"
#include "machine/disk.h"
#include "machine/memory.h"
#include "machine/rate.h"
#include "machine/topology.h"

namespace sluice::machine {

// What so many threads reach together.
struct Scaling {
  int threads = 1;
  Rate read, int8, f32;
};

struct Machine {
  Topology topology;
  Memory memory;
  kernels::Isa isa = kernels::Isa::kScalar;
  std::string why_not_better;     // why there is no better tier; empty: there is none
  int usable_cores = 1;           // that this process may run on
  std::string placement;          // what is done with several memory nodes, or why nothing
  std::string placement_refused;  // the system's reason; empty: it places memory
  std::vector<Scaling> scaling;   // by rising threads
  std::optional<DiskRates> disk;  // none: not asked for
};

// Measures with 1, 2, 4, ... and all usable cores. `disk`: what MeasureDisk reads; empty: nothing. Takes a
// few seconds.
Result<Machine> ExamineMachine(const std::string& disk);

// What to change, and why.
struct Advice {
  std::string change, reason;
};
std::vector<Advice> Advise(const Machine& machine);

std::string MachineText(const Machine& machine);
nlohmann::ordered_json MachineJson(const Machine& machine);

}  // namespace sluice::machine
