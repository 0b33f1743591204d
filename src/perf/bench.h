// Measures a model's speed in rounds: every work once, the machine's bounds before it, so that what disturbs
// the machine for a while falls on all of them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "machine/rate.h"
#include "perf/peer.h"
#include "perf/workload.h"

namespace sluice::perf {

struct Figure {
  Work work;
  std::vector<double> seconds;        // [rounds]
  std::vector<double> least_seconds;  // [rounds] by the bounds of that time
  std::vector<double> read_rates;     // [rounds] bytes a second, on the average of its batches
  std::vector<backend::Cost> costs;   // [steps], of all rounds together
  backend::StepTimes times;           // empty unless profiled
  std::vector<double> peer;           // [rounds] tokens a second; empty: the peer has no such work

  machine::Rate TokensPerSecond() const;
  // Of each round, this speed over the peer's. The peer has done this work.
  machine::Rate RatioToPeer() const;
  // Of all rounds: the least time over the measured one.
  double ShareOfBound() const;
};

struct BenchResult {
  std::vector<Figure> figures;
  std::vector<std::string> steps;       // names of the plan's
  std::vector<backend::Bounds> rounds;  // [rounds + 1]: before each and after the last
  int threads = 1;
  kernels::Isa isa = kernels::Isa::kScalar;

  backend::Bounds MedianBounds() const;
  // The same with memory as fast as it was around the figure's batches, on the average.
  backend::Bounds BoundsOf(const Figure& figure) const;
};

struct BenchOptions {
  std::vector<Work> works;
  int64_t rounds = 5;
  bool profile = false;
  WorkOptions work;
  std::optional<Peer> peer;  // runs each work after us, in every round
};

using LoadFn = std::function<Result<std::unique_ptr<model::Model>>()>;

Result<backend::Bounds> MeasureBounds(ThreadTeam& team, kernels::Isa isa);

// Loads the model once; again in every round where machine memory does not hold it and the peer's copy.
Result<BenchResult> RunBench(const LoadFn& load, ThreadTeam& team, const BenchOptions& options);

}  // namespace sluice::perf
