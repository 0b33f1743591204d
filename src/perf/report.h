// What was measured, for readers and for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "perf/bench.h"

namespace sluice::perf {

// Where and on what it was measured.
struct Origin {
  std::string version, commit, cpu, model;
};

std::string BenchText(const BenchResult& result, const Origin& origin);
nlohmann::ordered_json BenchJson(const BenchResult& result, const Origin& origin);

// One table for each work: steps of all layers together, those that take longest first. Empty unless
// profiled.
std::string ProfileText(const BenchResult& result);

}  // namespace sluice::perf
