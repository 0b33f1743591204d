#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/node_layout.h"
#include "machine/machine.h"

namespace sluice::machine {
namespace {

void AboutInstructions(const Machine& machine, std::vector<Advice>* advice) {
  if (machine.isa == kernels::Isa::kScalar)
    advice->push_back({"use a processor with AVX2, or with AVX-512 and VNNI",
                       "here the plain C++ kernels run, which are many times slower"});
  if (machine.isa == kernels::Isa::kAvx2 && machine.topology.Has("avx512f"))
    advice->push_back({"unset SLUICE_ISA if it is set",
                       "the avx2 tier was chosen on a processor with AVX-512: by SLUICE_ISA, or for want of "
                       "VNNI, BW, DQ or VL"});
}

void AboutMemory(const Machine& machine, std::vector<Advice>* advice) {
  const Memory& memory = machine.memory;
  if (memory.huge_pages == "never")
    advice->push_back({"echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
                       "weights lie in pages of 4 kB: the processor spends time looking up addresses"});
  if (memory.limit > 0)
    advice->push_back(
        {"raise this control group's memory limit if models do not fit",
         fmt::format("it allows {:.1f} of the machine's {:.1f} GB", memory.limit / 1e9, memory.total / 1e9)});
  if (memory.total > 0 && memory.available < memory.total / 2)
    advice->push_back(
        {"end programs that hold memory",
         fmt::format("{:.1f} of {:.1f} GB are free", memory.available / 1e9, memory.total / 1e9)});
}

void AboutProcessors(const Machine& machine, std::vector<Advice>* advice) {
  const Memory& memory = machine.memory;
  if (memory.cpu_quota > 0 && memory.cpu_quota < machine.usable_cores)
    advice->push_back(
        {fmt::format("--threads {:.0f}, or raise this control group's CPU quota",
                     std::max(1.0, std::floor(memory.cpu_quota))),
         fmt::format("it allows {:.2g} of {} cores: more threads are stopped in turn and wait for each other",
                     memory.cpu_quota, machine.usable_cores)});
  if (machine.usable_cores < machine.topology.cores)
    advice->push_back(
        {"start the program without taskset or cpuset if all cores are meant to work",
         fmt::format("this process may use {} of {} cores", machine.usable_cores, machine.topology.cores)});
  if (!memory.governor.empty() && memory.governor != "performance" && memory.governor != "schedutil")
    advice->push_back({"cpupower frequency-set -g performance",
                       fmt::format("the clock's governor is '{}': it lags behind work that comes in bursts",
                                   memory.governor)});
  if (machine.topology.nodes.size() > 1)
    advice->push_back(
        {"compare with --numa off under numactl --interleave=all, and with the cores of one node",
         fmt::format("memory has {} nodes, and what a core reads from another's is slower; {}",
                     machine.topology.nodes.size(), machine.placement)});
  if (!machine.placement_refused.empty())
    advice->push_back({kAllowPlacing, fmt::format("{}: {}", machine.placement_refused, kUnplacedPages)});
  if (machine.topology.nodes.size() > 1 && memory.numa_balancing)
    advice->push_back(
        {"sysctl kernel.numa_balancing=0", "the kernel moves pages between nodes while they are read"});
}

// Fewer threads that read nearly as fast as all of them.
void AboutScaling(const Machine& machine, std::vector<Advice>* advice) {
  constexpr double kNearly = 0.95;
  if (machine.scaling.size() < 2) return;
  const double all = machine.scaling.back().read.median;
  for (const Scaling& scaling : machine.scaling) {
    if (scaling.threads == machine.scaling.back().threads || scaling.read.median < kNearly * all) continue;
    advice->push_back(
        {fmt::format("--threads {} decodes as fast and leaves cores for others; prompts gain from all",
                     scaling.threads),
         fmt::format("{} threads read {:.0f} GB/s, {} read {:.0f}", scaling.threads,
                     scaling.read.median / 1e9, machine.scaling.back().threads, all / 1e9)});
    return;
  }
}

void AboutSteadiness(const Machine& machine, std::vector<Advice>* advice) {
  constexpr double kSteady = 0.8;
  for (const Scaling& scaling : machine.scaling)
    if (scaling.read.lowest < kSteady * scaling.read.median) {
      advice->push_back(
          {"look for what else runs; compare speeds only within one run of sluice bench",
           fmt::format("reading with {} threads varied from {:.0f} to {:.0f} GB/s within a second",
                       scaling.threads, scaling.read.lowest / 1e9, scaling.read.highest / 1e9)});
      return;
    }
}

void AboutDisk(const Machine& machine, std::vector<Advice>* advice) {
  constexpr double kSlow = 0.5e9;
  if (machine.disk && machine.disk->sequential < kSlow)
    advice->push_back({"keep models on a faster disk",
                       fmt::format("at {:.2f} GB/s a model of 20 GB takes {:.0f} s to read",
                                   machine.disk->sequential / 1e9, 20e9 / machine.disk->sequential)});
}

}  // namespace

std::vector<Advice> Advise(const Machine& machine) {
  std::vector<Advice> advice;
  AboutInstructions(machine, &advice);
  AboutMemory(machine, &advice);
  AboutProcessors(machine, &advice);
  AboutScaling(machine, &advice);
  AboutSteadiness(machine, &advice);
  AboutDisk(machine, &advice);
  return advice;
}

}  // namespace sluice::machine
