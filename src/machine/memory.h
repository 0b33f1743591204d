// Memory of this machine, and what the system lets this process have of it and of its processors.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::machine {

struct Memory {
  int64_t total = 0, available = 0, swap = 0;  // bytes
  int64_t limit = 0;       // of this process's control group, if below RAM and swap; 0: none
  std::string huge_pages;  // transparent ones: "always", "madvise", "never"; empty: the system has none
  int64_t huge_page_bytes = 0;
  int64_t reserved_huge_pages = 0;
  double cpu_quota = 0;         // CPUs that the control group may use; 0: no quota
  std::string governor;         // of CPU 0's clock; empty: unknown
  bool numa_balancing = false;  // the kernel moves pages between nodes
};

// Reads <root>/proc and <root>/sys; what is not there stays empty.
Memory ReadMemory(const std::string& root = "");

}  // namespace sluice::machine
