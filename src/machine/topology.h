// Processors, caches and memory nodes, as the system's files describe them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::machine {

struct CacheKind {
  int level = 0;
  std::string type;   // "Data", "Instruction", "Unified"
  int64_t bytes = 0;  // of one
  int count = 0;
  int cpus = 0;  // that share one
};

struct Node {
  int id = 0;
  std::vector<int> cpus;
  int64_t memory_bytes = 0;
};

struct Topology {
  std::string model;                  // empty: unknown
  std::vector<std::string> features;  // what the processor and the kernel support, as /proc/cpuinfo names it
  int cpus = 0, cores = 0, sockets = 0;
  std::vector<std::vector<int>> siblings;  // [cores] CPUs of one core
  std::vector<CacheKind> caches;           // by rising level
  std::vector<Node> nodes;

  bool Has(std::string_view feature) const;
  int threads_per_core() const { return cores > 0 ? (cpus + cores - 1) / cores : 1; }
};

// Reads <root>/proc and <root>/sys. What is not there stays empty.
Topology ReadTopology(const std::string& root = "");

// All caches of the highest level together; 0 if unknown.
int64_t LastLevelCacheBytes(const Topology& topology);
int64_t LastLevelCacheBytes();  // of this machine

// "0-2,8" -> 0 1 2 8. Empty if the text is none.
std::vector<int> ParseCpuList(std::string_view text);

}  // namespace sluice::machine
