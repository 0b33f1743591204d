#include "machine/memory.h"

#include <sstream>

#include "base/machine_memory.h"
#include "machine/system_file.h"

namespace sluice::machine {
namespace {

constexpr int64_t kKib = 1024;

int64_t Kibibytes(const std::string& text, std::string_view key) {
  return LeadingInteger(ValueOf(text, key)).value_or(0) * kKib;
}

// "always [madvise] never" -> "madvise"
std::string Chosen(const std::string& text) {
  const size_t open = text.find('['), close = text.find(']');
  if (open == text.npos || close == text.npos || close < open) return {};
  return text.substr(open + 1, close - open - 1);
}

// "quota period" in microseconds; a quota of "max" or -1 is none.
double Cpus(const std::string& quota, const std::string& period) {
  const int64_t used = LeadingInteger(quota).value_or(0), of = LeadingInteger(period).value_or(0);
  return used > 0 && of > 0 ? static_cast<double>(used) / static_cast<double>(of) : 0;
}

double SmallerQuota(double a, double b) {
  if (a == 0 || b == 0) return a + b;
  return std::min(a, b);
}

// Of both generations of control groups, this process's group and those above it.
double ReadCpuQuota(const std::string& root) {
  const std::string groups = root + "/sys/fs/cgroup";
  double quota = 0;
  std::istringstream lines(WholeText(root + "/proc/self/cgroup"));
  for (std::string line; std::getline(lines, line);) {
    std::string group = line.substr(std::min(line.size(), line.find_last_of(':') + 1));
    while (true) {
      const std::string two = FirstLine(groups + group + "/cpu.max"), one = groups + "/cpu" + group;
      quota = SmallerQuota(quota, Cpus(two, two.substr(std::min(two.size(), two.find(' ') + 1))));
      quota = SmallerQuota(quota,
                           Cpus(FirstLine(one + "/cpu.cfs_quota_us"), FirstLine(one + "/cpu.cfs_period_us")));
      if (group.size() <= 1) break;
      group.resize(group.find_last_of('/') == 0 ? 1 : std::min(group.size() - 1, group.find_last_of('/')));
    }
  }
  return quota;
}

}  // namespace

Memory ReadMemory(const std::string& root) {
  Memory memory;
  const std::string info = WholeText(root + "/proc/meminfo");
  memory.total = Kibibytes(info, "MemTotal");
  memory.available = Kibibytes(info, "MemAvailable");
  memory.swap = Kibibytes(info, "SwapTotal");
  memory.huge_page_bytes = Kibibytes(info, "Hugepagesize");
  memory.reserved_huge_pages = LeadingInteger(ValueOf(info, "HugePages_Total")).value_or(0);
  memory.huge_pages = Chosen(FirstLine(root + "/sys/kernel/mm/transparent_hugepage/enabled"));
  memory.cpu_quota = ReadCpuQuota(root);
  memory.governor = FirstLine(root + "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  memory.numa_balancing =
      LeadingInteger(FirstLine(root + "/proc/sys/kernel/numa_balancing")).value_or(0) != 0;
  if (const int64_t most = MachineMemory(); root.empty() && most < memory.total) memory.limit = most;
  return memory;
}

}  // namespace sluice::machine
