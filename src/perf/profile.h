// Where the time of a work goes, by step of the plan.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "perf/bench.h"

namespace sluice::perf {

// Steps of one name, all layers together: "L3.moe.gate_up" counts as "moe.gate_up". What a batch takes around
// its steps is the row "(start and end)".
struct ProfileRow {
  std::string name;
  int64_t steps = 0;
  double wall_seconds = 0, busy_seconds = 0;  // busy: of all threads together
  backend::Cost cost;
};

struct Profile {
  std::vector<ProfileRow> rows;  // those that take longest first
  double seconds = 0;            // of the whole, as its caller sees it
  double accounted = 0;          // of these, in some row
};

// `figure` has been profiled; `steps`: the names of the plan's steps.
Profile ProfileOf(const Figure& figure, const std::vector<std::string>& steps);

std::string ProfileText(const Figure& figure, const std::vector<std::string>& steps,
                        const backend::Bounds& bounds, int threads);
// Every step by itself.
nlohmann::ordered_json ProfileJson(const Figure& figure, const std::vector<std::string>& steps,
                                   const backend::Bounds& bounds);

}  // namespace sluice::perf
