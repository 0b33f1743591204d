#include "perf/bench.h"

#include <algorithm>

#include "base/machine_memory.h"
#include "machine/bandwidth.h"
#include "machine/peak.h"

namespace sluice::perf {
namespace {

double Total(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

double Mean(const std::vector<double>& values) { return Total(values) / static_cast<double>(values.size()); }

class Rounds {
 public:
  Rounds(const LoadFn& load, ThreadTeam& team, const BenchOptions& options, BenchResult* result)
      : load_(load), team_(team), options_(options), result_(*result) {}

  Status Run() {
    for (int64_t round = 0; round < options_.rounds; ++round) {
      SLUICE_CHECK_OK(Begin());
      for (Figure& figure : result_.figures) {
        SLUICE_CHECK_OK(RunOurs(&figure));
        if (!crowded_) SLUICE_CHECK_OK(RunPeers(&figure));
      }
      if (!crowded_) continue;
      Unload();
      for (Figure& figure : result_.figures) SLUICE_CHECK_OK(RunPeers(&figure));
    }
    Unload();
    return Measure();
  }

 private:
  Status Begin() {
    const bool fresh = model_ == nullptr;
    if (fresh) {
      SLUICE_TRY(model_, load_());
      SLUICE_TRY(runner_, WorkRunner::Create(*model_, team_, options_.works, options_.work));
    }
    // The peer's copy is as large as ours; one tenth is for everything else.
    crowded_ = options_.peer &&
               2.2 * static_cast<double>(model_->weight_bytes()) > static_cast<double>(MachineMemory());
    if (result_.steps.empty())
      for (const model::Step& step : runner_->plan().steps) result_.steps.push_back(step.name);
    SLUICE_CHECK_OK(Measure());
    return fresh ? WarmUp() : Status{};
  }

  void Unload() {
    runner_.reset();
    model_.reset();
  }

  // So that the first run pays for nothing that the others do not: pages touched, clocks raised.
  Status WarmUp() {
    constexpr int64_t kTokens = 8;
    for (Work work : options_.works) {
      if (work.kind == Work::Kind::kDecode) work.tokens = std::min(work.tokens, kTokens);
      SLUICE_CHECK_OK(runner_->Run(work, result_.rounds.back(), nullptr));
    }
    return {};
  }

  Status Measure() {
    SLUICE_TRY(const backend::Bounds bounds, MeasureBounds(team_, options_.work.isa));
    result_.rounds.push_back(bounds);
    return {};
  }

  Status RunOurs(Figure* figure) {
    SLUICE_TRY(const WorkRun run, runner_->Run(figure->work, result_.rounds.back(),
                                               options_.profile ? &figure->times : nullptr));
    figure->seconds.push_back(run.seconds);
    figure->least_seconds.push_back(run.least_seconds);
    figure->read_rates.push_back(Mean(run.read_rates));
    figure->costs.resize(run.costs.size());
    for (size_t s = 0; s < run.costs.size(); ++s) figure->costs[s] += run.costs[s];
    return {};
  }

  Status RunPeers(Figure* figure) {
    if (!options_.peer) return {};
    SLUICE_TRY(const std::optional<double> rate, RunPeer(*options_.peer, figure->work));
    if (rate) figure->peer.push_back(*rate);
    return {};
  }

  const LoadFn& load_;
  ThreadTeam& team_;
  const BenchOptions& options_;
  BenchResult& result_;
  bool crowded_ = false;  // memory does not hold two copies of the model
  std::unique_ptr<model::Model> model_;
  std::unique_ptr<WorkRunner> runner_;
};

}  // namespace

machine::Rate Figure::TokensPerSecond() const {
  std::vector<double> rates;
  for (const double s : seconds) rates.push_back(static_cast<double>(work.computed()) / s);
  return machine::Summarise(std::move(rates));
}

machine::Rate Figure::RatioToPeer() const {
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(seconds.size(), peer.size()); ++i)
    ratios.push_back(static_cast<double>(work.computed()) / seconds[i] / peer[i]);
  return machine::Summarise(std::move(ratios));
}

double Figure::ShareOfBound() const { return Total(least_seconds) / Total(seconds); }

backend::Bounds BenchResult::MedianBounds() const {
  const auto median = [&](auto member) {
    std::vector<double> values;
    for (const backend::Bounds& bounds : rounds) values.push_back(bounds.*member);
    return machine::Summarise(std::move(values)).median;
  };
  return {median(&backend::Bounds::bytes), median(&backend::Bounds::int8_ops),
          median(&backend::Bounds::float_ops)};
}

backend::Bounds BenchResult::BoundsOf(const Figure& figure) const {
  backend::Bounds bounds = MedianBounds();
  bounds.bytes = Mean(figure.read_rates);
  return bounds;
}

Result<backend::Bounds> MeasureBounds(ThreadTeam& team, kernels::Isa isa) {
  SLUICE_TRY(const machine::Rate bandwidth, machine::ReadBandwidth(team));
  return backend::Bounds{bandwidth.median, machine::Int8Peak(team, isa).median,
                         machine::FloatPeak(team, isa).median};
}

Result<BenchResult> RunBench(const LoadFn& load, ThreadTeam& team, const BenchOptions& options) {
  BenchResult result;
  result.threads = team.size();
  result.isa = options.work.isa;
  for (const Work& work : options.works) result.figures.push_back({.work = work});
  SLUICE_CHECK_OK(Rounds(load, team, options, &result).Run());
  return result;
}

}  // namespace sluice::perf
