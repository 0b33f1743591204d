#include "base/machine_memory.h"

#include <sys/sysinfo.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace sluice {
namespace {

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

// The number in a file; unlimited if there is none ("max", or no such file).
int64_t LimitIn(const std::string& path) {
  std::ifstream file(path);
  int64_t bytes = 0;
  return file >> bytes ? bytes : kUnlimited;
}

// The lowest limit of a group and those above it.
int64_t LowestLimit(const std::string& root, std::string group, const std::string& file) {
  int64_t lowest = LimitIn(root + "/" + file);
  while (group.size() > 1) {
    lowest = std::min(lowest, LimitIn(root + group + "/" + file));
    group.resize(std::min(group.rfind('/'), group.size()));
  }
  return lowest;
}

// Of both generations of control groups. Lines of /proc/self/cgroup are "number:controllers:path".
int64_t GroupLimit() {
  int64_t limit = kUnlimited;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1),
                      path = line.substr(second + 1);
    if (controllers.empty()) limit = std::min(limit, LowestLimit("/sys/fs/cgroup", path, "memory.max"));
    if (controllers == "memory")
      limit = std::min(limit, LowestLimit("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"));
  }
  return limit;
}

}  // namespace

int64_t MachineMemory() {
  struct sysinfo info = {};
  if (::sysinfo(&info) != 0) return GroupLimit();
  return std::min(GroupLimit(), static_cast<int64_t>(info.totalram + info.totalswap) * info.mem_unit);
}

}  // namespace sluice
