// `sluice bench --serve`: a recorded load on a server of ours, and on a peer's in turn.
#pragma once

#include <cstdint>
#include <string>

#include "cli/load.h"
#include "cli/verb.h"
#include "perf/serving/summary.h"
#include "perf/serving/trace.h"

namespace sluice::cli {

struct ServingFlags {
  std::string trace;  // empty: nothing is served
  perf::TraceScale scale;
  perf::ServiceLevel level;
  int64_t together = 16;  // requests whose tokens the cache holds
  std::string peer_arguments;

  void AddTo(Verb& verb);
};

struct ServingBench {
  std::string model, peer;  // files; peer: empty if none
  ComputeFlags compute;
  int64_t rounds = 1;
  bool as_json = false;
};

Result<int> BenchServing(const ServingBench& bench, const ServingFlags& flags);

}  // namespace sluice::cli
