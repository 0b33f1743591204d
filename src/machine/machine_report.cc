#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "machine/machine.h"

namespace sluice::machine {
namespace {

using nlohmann::ordered_json;

// What kernels use or could use, of all that the processor has.
constexpr const char* kTelling[] = {"avx2",     "fma",         "f16c",        "avx512f",
                                    "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16",
                                    "avx_vnni", "amx_tile",    "amx_int8",    "amx_bf16"};

std::vector<std::string> TellingFeatures(const Topology& topology) {
  std::vector<std::string> features;
  for (const char* feature : kTelling)
    if (topology.Has(feature)) features.emplace_back(feature);
  return features;
}

std::string Size(int64_t bytes) {
  constexpr int64_t kMib = 1 << 20;
  return bytes >= kMib ? fmt::format("{} MiB", bytes / kMib) : fmt::format("{} KiB", bytes >> 10);
}

std::string CacheText(const CacheKind& cache) {
  const char* kind = cache.type == "Data" ? "d" : cache.type == "Instruction" ? "i" : "";
  return fmt::format("L{}{} {} x {}", cache.level, kind, cache.count, Size(cache.bytes));
}

std::string Line(std::string_view label, std::string_view value) {
  return fmt::format("{:<14}{}\n", label, value);
}

std::string TopologyText(const Machine& machine) {
  const Topology& t = machine.topology;
  std::vector<std::string> caches, nodes;
  for (const CacheKind& cache : t.caches) caches.push_back(CacheText(cache));
  for (const Node& node : t.nodes)
    nodes.push_back(fmt::format("{} CPUs with {:.1f} GB", node.cpus.size(), node.memory_bytes / 1e9));
  std::string cores = fmt::format("{} cores, {} CPUs, {} sockets", t.cores, t.cpus, t.sockets);
  if (machine.usable_cores < t.cores)
    cores += fmt::format("; this process may use {} cores", machine.usable_cores);
  return Line("processor", t.model.empty() ? "unknown" : t.model) + Line("", cores) +
         Line("caches", fmt::format("{}", fmt::join(caches, ", "))) +
         Line("memory nodes", fmt::format("{}", fmt::join(nodes, "; "))) + Line("", machine.placement) +
         Line("tier",
              fmt::format("{} (of {})", kernels::Name(machine.isa), fmt::join(TellingFeatures(t), " "))) +
         (machine.why_not_better.empty() ? "" : Line("", machine.why_not_better));
}

std::string MemoryText(const Memory& m) {
  std::string memory =
      fmt::format("{:.1f} GB, {:.1f} available, {:.1f} swap", m.total / 1e9, m.available / 1e9, m.swap / 1e9);
  if (m.limit > 0) memory += fmt::format("; {:.1f} allowed by the control group", m.limit / 1e9);
  std::string text =
      Line("memory", memory) +
      Line("huge pages", fmt::format("{} of {}, {} reserved", m.huge_pages.empty() ? "none" : m.huge_pages,
                                     Size(m.huge_page_bytes), m.reserved_huge_pages));
  if (m.cpu_quota > 0) text += Line("CPU quota", fmt::format("{:.2g} CPUs", m.cpu_quota));
  if (!m.governor.empty()) text += Line("clock", m.governor);
  return text;
}

std::string ScalingText(const Machine& machine) {
  std::string text = fmt::format("\n{:>7} {:>14} {:>18} {:>16} {:>15}\n", "threads", "reads GB/s", "range",
                                 "int8 Gop/s", "F32 Gop/s");
  for (const Scaling& s : machine.scaling)
    text += fmt::format("{:>7} {:>14.1f} {:>18} {:>16.0f} {:>15.0f}\n", s.threads, s.read.median / 1e9,
                        fmt::format("{:.1f} to {:.1f}", s.read.lowest / 1e9, s.read.highest / 1e9),
                        s.int8.median / 1e9, s.f32.median / 1e9);
  return text;
}

std::string DiskText(const DiskRates& disk) {
  return fmt::format("\ndisk of {}{}: {:.2f} GB/s in order, {:.2f} GB/s in pieces of 1 MiB in any order\n",
                     disk.path, disk.direct ? "" : " (no direct reads: may be from memory)",
                     disk.sequential / 1e9, disk.random / 1e9);
}

ordered_json TopologyJson(const Topology& t) {
  ordered_json caches = ordered_json::array(), nodes = ordered_json::array();
  for (const CacheKind& c : t.caches)
    caches.push_back(
        {{"level", c.level}, {"type", c.type}, {"bytes", c.bytes}, {"count", c.count}, {"cpus", c.cpus}});
  for (const Node& n : t.nodes)
    nodes.push_back({{"id", n.id}, {"cpus", n.cpus}, {"memory_bytes", n.memory_bytes}});
  return {{"model", t.model},     {"cpus", t.cpus},         {"cores", t.cores},
          {"sockets", t.sockets}, {"siblings", t.siblings}, {"features", TellingFeatures(t)},
          {"caches", caches},     {"nodes", nodes}};
}

ordered_json MemoryJson(const Memory& m) {
  return {{"total_bytes", m.total},
          {"available_bytes", m.available},
          {"swap_bytes", m.swap},
          {"limit_bytes", m.limit > 0 ? ordered_json(m.limit) : ordered_json()},
          {"huge_pages", m.huge_pages},
          {"huge_page_bytes", m.huge_page_bytes},
          {"reserved_huge_pages", m.reserved_huge_pages},
          {"cpu_quota", m.cpu_quota > 0 ? ordered_json(m.cpu_quota) : ordered_json()},
          {"governor", m.governor},
          {"numa_balancing", m.numa_balancing}};
}

}  // namespace

std::string MachineText(const Machine& machine) {
  std::string text = TopologyText(machine) + MemoryText(machine.memory) + ScalingText(machine);
  if (machine.disk) text += DiskText(*machine.disk);
  const std::vector<Advice> advice = Advise(machine);
  text += advice.empty() ? "\nNothing to change.\n" : "\nTo change:\n";
  for (const Advice& a : advice) text += fmt::format("- {}\n  ({})\n", a.change, a.reason);
  return text;
}

ordered_json MachineJson(const Machine& machine) {
  ordered_json scaling = ordered_json::array(), advice = ordered_json::array();
  for (const Scaling& s : machine.scaling)
    scaling.push_back({{"threads", s.threads},
                       {"read_bytes_per_second", RateJson(s.read)},
                       {"int8_ops_per_second", RateJson(s.int8)},
                       {"float_ops_per_second", RateJson(s.f32)}});
  for (const Advice& a : Advise(machine)) advice.push_back({{"change", a.change}, {"reason", a.reason}});
  ordered_json json = {{"processor", TopologyJson(machine.topology)},
                       {"usable_cores", machine.usable_cores},
                       {"placement", machine.placement},
                       {"isa", kernels::Name(machine.isa)},
                       {"why_not_better", machine.why_not_better},
                       {"memory", MemoryJson(machine.memory)},
                       {"scaling", scaling}};
  if (machine.disk)
    json["disk"] = {{"path", machine.disk->path},
                    {"sequential_bytes_per_second", machine.disk->sequential},
                    {"random_bytes_per_second", machine.disk->random},
                    {"direct", machine.disk->direct}};
  json["advice"] = advice;
  return json;
}

}  // namespace sluice::machine
