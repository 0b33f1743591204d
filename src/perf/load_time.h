// How fast a model is brought into the form it is computed on.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "perf/bench.h"
#include "perf/report.h"

namespace sluice::perf {

struct LoadRound {
  double seconds = 0;
  double processor_seconds = 0;  // of all threads, the system's part included
};

struct LoadTimes {
  int64_t file_bytes = 0;
  int threads = 1;
  std::vector<LoadRound> rounds;

  machine::Rate Seconds() const;
  machine::Rate ProcessorSeconds() const;
  machine::Rate BytesPerCore() const;  // a second of the clock and of each thread
};

// Loads once so that the file is in memory, then as often as asked.
Result<LoadTimes> MeasureLoading(const LoadFn& load, int64_t file_bytes, int threads, int64_t rounds);

std::string LoadText(const LoadTimes& times, const Origin& origin);
nlohmann::ordered_json LoadJson(const LoadTimes& times, const Origin& origin);

}  // namespace sluice::perf
