#include "cli/expert_heat.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace sluice::cli {
namespace {

// Nothing for an unused expert, the lowest bar for the least used one.
std::string_view Bar(int64_t count, int64_t most) {
  constexpr std::string_view kBars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  constexpr int64_t kLevels = std::size(kBars);
  if (count == 0) return "·";
  return kBars[std::min(kLevels - 1, (count * kLevels - 1) / most)];
}

}  // namespace

std::string ExpertHeat(std::span<const int> layers, const std::vector<std::vector<int64_t>>& tokens) {
  std::string text;
  for (size_t i = 0; i < tokens.size() && i < layers.size(); ++i) {
    const std::vector<int64_t>& counts = tokens[i];
    const int64_t total = std::accumulate(counts.begin(), counts.end(), int64_t{0});
    if (total == 0) continue;
    const auto busiest = std::max_element(counts.begin(), counts.end());
    const auto unused = std::count(counts.begin(), counts.end(), 0);
    text += fmt::format("  layer {:>3}  ", layers[i]);
    for (const int64_t count : counts) text += Bar(count, *busiest);
    text += fmt::format("  {} of {} used, expert {} took {:.0f} %\n",
                        static_cast<int64_t>(counts.size()) - unused, counts.size(), busiest - counts.begin(),
                        100.0 * static_cast<double>(*busiest) / static_cast<double>(total));
  }
  return text;
}

}  // namespace sluice::cli
