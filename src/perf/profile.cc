#include "perf/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace sluice::perf {
namespace {

using nlohmann::ordered_json;

// "L3.moe.gate_up" -> "moe.gate_up"; "head" stays.
std::string WithoutLayer(const std::string& name) {
  const size_t dot = name.find('.');
  const bool layer = name.starts_with('L') && dot != name.npos && dot > 1 &&
                     std::all_of(name.begin() + 1, name.begin() + static_cast<ptrdiff_t>(dot),
                                 [](char c) { return c >= '0' && c <= '9'; });
  return layer ? name.substr(dot + 1) : name;
}

double IdleSeconds(double wall, double busy, int threads) { return std::max(0.0, wall * threads - busy); }

std::string Line(std::string_view name, int64_t steps, double wall, double busy, const backend::Cost& cost,
                 double whole, double per, const backend::Bounds& bounds, int threads) {
  const double least = backend::LeastSeconds(cost, bounds);
  return fmt::format(
      "{:<20} {:>5} {:>10.1f} {:>6.1f} % {:>9.2f} {:>9.2f} {:>7.1f} {:>8.1f}  {:>5} {:>6.1f} %\n", name,
      steps, wall / per * 1e6, 100 * wall / whole, cost.bytes() / per / 1e6, cost.ops() / per / 1e6,
      cost.bytes() / wall / 1e9, cost.ops() / wall / 1e9,
      least > 0 ? fmt::format("{:.0f} %", 100 * least / wall) : "",
      100 * IdleSeconds(wall, busy, threads) / (wall * threads));
}

}  // namespace

Profile ProfileOf(const Figure& figure, const std::vector<std::string>& steps) {
  Profile profile{.seconds = figure.times.seconds};
  std::map<std::string, ProfileRow> rows;
  for (size_t s = 0; s < figure.times.steps.size(); ++s) {
    const backend::StepTimes::Step& times = figure.times.steps[s];
    ProfileRow& row = rows[WithoutLayer(steps[s])];
    ++row.steps;
    row.wall_seconds += times.wall_seconds;
    row.busy_seconds += times.busy_seconds;
    row.cost += figure.costs[s];
    profile.accounted += times.wall_seconds;
  }
  ProfileRow& around = rows["(start and end)"];
  around.wall_seconds = figure.times.begin_seconds + figure.times.end_seconds;
  profile.accounted += around.wall_seconds;
  for (auto& [name, row] : rows) {
    row.name = name;
    profile.rows.push_back(std::move(row));
  }
  std::ranges::sort(profile.rows, std::greater(), &ProfileRow::wall_seconds);
  return profile;
}

std::string ProfileText(const Figure& figure, const std::vector<std::string>& steps,
                        const backend::Bounds& bounds, int threads) {
  const Profile profile = ProfileOf(figure, steps);
  const double batches = static_cast<double>(figure.times.batches);
  std::string text = fmt::format(
      "\n{}: {:.0f} batches of {:.1f} us, of which {:.1f} % are accounted for\n"
      "{:<20} {:>5} {:>10} {:>8} {:>9} {:>9} {:>7} {:>8}  {:>5} {:>8}\n",
      figure.work.Name(), batches, profile.seconds / batches * 1e6, 100 * profile.accounted / profile.seconds,
      "for one batch", "steps", "us", "of all", "MB", "Mop", "GB/s", "Gop/s", "bound", "idle");
  double busy = 0;
  for (const ProfileRow& row : profile.rows) {
    busy += row.busy_seconds;
    if (row.wall_seconds > 0)
      text += Line(row.name, row.steps, row.wall_seconds, row.busy_seconds, row.cost, profile.seconds,
                   batches, bounds, threads);
  }
  return text + Line("all", static_cast<int64_t>(steps.size()), profile.seconds, busy,
                     backend::Sum(figure.costs), profile.seconds, batches, bounds, threads);
}

ordered_json ProfileJson(const Figure& figure, const std::vector<std::string>& steps,
                         const backend::Bounds& bounds) {
  const Profile profile = ProfileOf(figure, steps);
  ordered_json list = ordered_json::array();
  for (size_t s = 0; s < figure.times.steps.size(); ++s) {
    const backend::StepTimes::Step& times = figure.times.steps[s];
    const backend::Cost& cost = figure.costs[s];
    list.push_back({{"name", steps[s]},
                    {"wall_seconds", times.wall_seconds},
                    {"busy_seconds", times.busy_seconds},
                    {"tiles", times.tiles},
                    {"weight_bytes", cost.weight_bytes},
                    {"kv_bytes", cost.kv_bytes},
                    {"int8_ops", cost.int8_ops},
                    {"float_ops", cost.float_ops},
                    {"least_seconds", backend::LeastSeconds(cost, bounds)}});
  }
  return {{"batches", figure.times.batches},
          {"seconds", profile.seconds},
          {"begin_seconds", figure.times.begin_seconds},
          {"end_seconds", figure.times.end_seconds},
          {"accounted", profile.accounted / profile.seconds},
          {"steps", list}};
}

}  // namespace sluice::perf
