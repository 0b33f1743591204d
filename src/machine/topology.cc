#include "machine/topology.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "machine/system_file.h"

namespace sluice::machine {
namespace {

// "32768K", "1M"
int64_t ParseSize(std::string_view text) {
  const int64_t number = LeadingInteger(text).value_or(0);
  if (text.ends_with('K')) return number << 10;
  if (text.ends_with('M')) return number << 20;
  return number;
}

std::vector<std::string> Words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// Folders of `path` called prefix + number, by number.
std::map<int, std::string> Numbered(const std::string& path, std::string_view prefix) {
  std::map<int, std::string> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(prefix)) continue;
    const std::string_view number = std::string_view(name).substr(prefix.size());
    if (number.empty() || number.find_first_not_of("0123456789") != number.npos) continue;
    if (const auto n = LeadingInteger(number)) found[static_cast<int>(*n)] = entry.path();
  }
  return found;
}

void ReadCores(const std::string& cpus_path, Topology* topology) {
  std::set<std::vector<int>> cores;
  std::set<std::string> sockets;
  for (const auto& [cpu, path] : Numbered(cpus_path, "cpu")) {
    const std::string siblings = FirstLine(path + "/topology/thread_siblings_list");
    if (siblings.empty()) continue;  // switched off
    ++topology->cpus;
    cores.insert(ParseCpuList(siblings));
    sockets.insert(FirstLine(path + "/topology/physical_package_id"));
  }
  topology->cores = static_cast<int>(cores.size());
  topology->sockets = static_cast<int>(sockets.size());
  topology->siblings.assign(cores.begin(), cores.end());
}

void ReadCaches(const std::string& cpus_path, Topology* topology) {
  std::set<std::string> seen;  // level, type and the CPUs that share it
  std::map<std::pair<int, std::string>, CacheKind> kinds;
  for (const auto& [cpu, path] : Numbered(cpus_path, "cpu"))
    for (const auto& [index, cache] : Numbered(path + "/cache", "index")) {
      const std::string level = FirstLine(cache + "/level"), type = FirstLine(cache + "/type"),
                        shared = FirstLine(cache + "/shared_cpu_list");
      if (level.empty() || !seen.insert(fmt::format("{} {} {}", level, type, shared)).second) continue;
      CacheKind& kind = kinds[{static_cast<int>(LeadingInteger(level).value_or(0)), type}];
      kind.level = static_cast<int>(LeadingInteger(level).value_or(0));
      kind.type = type;
      kind.bytes = ParseSize(FirstLine(cache + "/size"));
      kind.cpus = static_cast<int>(ParseCpuList(shared).size());
      ++kind.count;
    }
  for (auto& [key, kind] : kinds) topology->caches.push_back(std::move(kind));
}

void ReadNodes(const std::string& nodes_path, Topology* topology) {
  constexpr int64_t kKib = 1024;
  for (const auto& [id, path] : Numbered(nodes_path, "node")) {
    // "Node 0 MemTotal:       24624008 kB"
    const std::string total = ValueOf(WholeText(path + "/meminfo"), fmt::format("Node {} MemTotal", id));
    topology->nodes.push_back(
        {id, ParseCpuList(FirstLine(path + "/cpulist")), LeadingInteger(total).value_or(0) * kKib});
  }
}

}  // namespace

bool Topology::Has(std::string_view feature) const {
  return std::ranges::find(features, feature) != features.end();
}

std::vector<int> ParseCpuList(std::string_view text) {
  constexpr int64_t kMostCpus = 65536;
  std::vector<int> cpus;
  while (!text.empty()) {
    const std::string_view range = text.substr(0, text.find(','));
    text.remove_prefix(std::min(range.size() + 1, text.size()));
    const auto first = LeadingInteger(range);
    const size_t dash = range.find('-');
    const auto last = dash == range.npos ? first : LeadingInteger(range.substr(dash + 1));
    if (!first || !last || *first < 0 || *last >= kMostCpus) return {};
    for (int64_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(static_cast<int>(cpu));
  }
  return cpus;
}

Topology ReadTopology(const std::string& root) {
  Topology topology;
  const std::string info = WholeText(root + "/proc/cpuinfo");
  topology.model = ValueOf(info, "model name");
  topology.features = Words(ValueOf(info, "flags"));
  const std::string system = root + "/sys/devices/system";
  ReadCores(system + "/cpu", &topology);
  ReadCaches(system + "/cpu", &topology);
  ReadNodes(system + "/node", &topology);
  return topology;
}

int64_t LastLevelCacheBytes(const Topology& topology) {
  int64_t bytes = 0;
  int level = 0;
  for (const CacheKind& kind : topology.caches) {
    if (kind.type == "Instruction" || kind.level < level) continue;
    level = kind.level;
    bytes = kind.bytes * kind.count;
  }
  return bytes;
}

int64_t LastLevelCacheBytes() {
  static const int64_t bytes = LastLevelCacheBytes(ReadTopology());
  return bytes;
}

}  // namespace sluice::machine
