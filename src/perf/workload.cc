#include "perf/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace sluice::perf {

std::string Work::Name() const {
  if (kind == Kind::kPrefill) return fmt::format("prefill {}", tokens);
  std::string name = fmt::format("decode {}", tokens);
  if (sequences > 1) name += fmt::format(" x {}", sequences);
  if (depth > 0) name += fmt::format(" after {}", depth);
  return name;
}

Result<std::unique_ptr<WorkRunner>> WorkRunner::Create(const model::Model& model, ThreadTeam& team,
                                                       const std::vector<Work>& works,
                                                       const WorkOptions& options) {
  if (model.desc.encoder)
    return Fail(ErrorCode::kUsage,
                "this model answers sources; only models without an encoder can be measured");
  SLUICE_TRY(auto probe, machine::BandwidthProbe::Create(team));
  std::unique_ptr<WorkRunner> runner(new WorkRunner(model, options, std::move(probe)));
  int64_t batch = options.batch_tokens, positions = 0, most = 1;
  for (const Work& work : works) {
    if (work.depth + work.tokens > model.desc.max_ctx)
      return Fail(ErrorCode::kUsage,
                  fmt::format("{} tokens of context are asked for and the model was trained for {}",
                              work.depth + work.tokens, model.desc.max_ctx),
                  fmt::format("measure at {} tokens or less", model.desc.max_ctx));
    batch = std::max(batch, work.sequences);
    most = std::max(most, work.sequences);
    positions = std::max(positions, work.depth + work.tokens);
  }
  // Every sequence may end in a page that is not full.
  const int64_t context = most * RoundUp(positions, kernels::kPageTokens);
  SLUICE_TRY(runner->backend_, backend::CreateCpuBackend(model, team,
                                                         {.isa = options.isa,
                                                          .max_tokens = static_cast<int>(batch),
                                                          .context = context,
                                                          .kv = options.kv,
                                                          .states = most}));
  SLUICE_CHECK_OK(runner->Reserve(works));
  return runner;
}

Status WorkRunner::Reserve(const std::vector<Work>& works) {
  for (const Work& work : works) {
    sequences_.resize(std::max(sequences_.size(), static_cast<size_t>(work.sequences)));
    for (int64_t s = 0; s < work.sequences; ++s) {
      kv::PageTable& table = sequences_[s];
      table.longest = std::max(table.longest, work.depth + work.tokens);
    }
  }
  for (kv::PageTable& table : sequences_) {
    SLUICE_CHECK_OK(backend_->pool().Grow(&table, table.longest));
    tables_.push_back(&table);
  }
  return {};
}

Result<WorkRun> WorkRunner::Run(const Work& work, const backend::Bounds& bounds, backend::StepTimes* times) {
  bounds_ = bounds;
  SLUICE_CHECK_OK(FillTo(work.depth));
  WorkRun run;
  if (work.kind == Work::Kind::kPrefill) {
    SLUICE_CHECK_OK(RunPrompt(work.depth, work.depth + work.tokens, times, &run));
  } else {
    SLUICE_CHECK_OK(RunDecode(work, times, &run));
  }
  return run;
}

Status WorkRunner::FillTo(int64_t depth) {
  if (depth <= filled_) return {};
  WorkRun ignored;
  SLUICE_CHECK_OK(RunPrompt(filled_, depth, nullptr, &ignored));
  filled_ = depth;
  return {};
}

// A state cannot go back to where the last run began. Its values do not matter to the time.
void WorkRunner::PlaceStates(int64_t position) {
  kv::StatePool& states = backend_->pool().states();
  for (size_t s = 0; s < sequences_.size() && !states.empty(); ++s)
    states.SetLength(sequences_[s].state, position);
}

Status WorkRunner::RunPrompt(int64_t begin, int64_t end, backend::StepTimes* times, WorkRun* run) {
  PlaceStates(begin);
  for (int64_t first = begin; first < end; first += options_.batch_tokens) {
    const int64_t last = std::min(first + options_.batch_tokens, end);
    tokens_.clear();
    for (int64_t position = first; position < last; ++position)
      tokens_.push_back({RandomToken(), static_cast<int32_t>(position), 0, position + 1 == end});
    SLUICE_CHECK_OK(RunBatch(times, run));
  }
  return {};
}

Status WorkRunner::RunDecode(const Work& work, backend::StepTimes* times, WorkRun* run) {
  PlaceStates(work.depth);
  for (int64_t i = 0; i < work.tokens; ++i) {
    tokens_.clear();
    for (int64_t s = 0; s < work.sequences; ++s)
      tokens_.push_back({RandomToken(), static_cast<int32_t>(work.depth + i), static_cast<int32_t>(s), true});
    SLUICE_CHECK_OK(RunBatch(times, run));
  }
  return {};
}

Status WorkRunner::RunBatch(backend::StepTimes* times, WorkRun* run) {
  using Clock = std::chrono::steady_clock;
  if (run->read_rates.empty()) run->read_rates.push_back(probe_->Look());
  const backend::Batch batch{tokens_, tables_, &trace_, times};
  const Clock::time_point start = Clock::now();
  SLUICE_CHECK_OK(backend_->Forward(batch));
  run->seconds += std::chrono::duration<double>(Clock::now() - start).count();
  run->read_rates.push_back(probe_->Look());
  const std::vector<backend::Cost> costs =
      backend::StepCosts(backend_->plan().steps, backend_->pool().type(), batch);
  run->costs.resize(costs.size());
  for (size_t s = 0; s < costs.size(); ++s) run->costs[s] += costs[s];
  bounds_.bytes = (run->read_rates.end()[-2] + run->read_rates.back()) / 2;
  run->least_seconds += backend::LeastSeconds(backend::Sum(costs), bounds_);
  return {};
}

int32_t WorkRunner::RandomToken() {
  return static_cast<int32_t>(random_() % static_cast<uint32_t>(model_.desc.vocab));
}

}  // namespace sluice::perf
