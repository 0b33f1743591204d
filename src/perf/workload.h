// Work whose speed is measured: prompts and answers of random tokens, computed by a backend without a
// scheduler and without sampling.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/step_cost.h"
#include "machine/bandwidth.h"

namespace sluice::perf {

struct Work {
  enum class Kind : uint8_t { kPrefill, kDecode };
  Kind kind = Kind::kDecode;
  int64_t tokens = 0;     // of the prompt; decoded by each sequence
  int64_t depth = 0;      // tokens of context that are there before
  int64_t sequences = 1;  // decoded together

  std::string Name() const;  // "prefill 512", "decode 64 after 4096", "decode 16 x 8"
  int64_t computed() const { return tokens * sequences; }
};

struct WorkRun {
  double seconds = 0;
  double least_seconds = 0;          // of all batches, each by the memory's rate before and after it
  std::vector<double> read_rates;    // [batches + 1] bytes a second
  std::vector<backend::Cost> costs;  // [steps], of all batches together
};

struct WorkOptions {
  kernels::Isa isa = kernels::Isa::kScalar;
  std::optional<kernels::KvType> kv;  // none: the backend's own choice
  int batch_tokens = 512;             // of a prompt, computed at once
  uint32_t seed = 1;
};

class WorkRunner {
 public:
  // `model` and `team` must outlive it. Holds keys and values for any of `works`.
  static Result<std::unique_ptr<WorkRunner>> Create(const model::Model& model, ThreadTeam& team,
                                                    const std::vector<Work>& works,
                                                    const WorkOptions& options);

  // The context of a work is computed first, outside the clock. Of `bounds`, those of arithmetic count: how
  // fast memory is read is measured around every batch. `times` may be null.
  Result<WorkRun> Run(const Work& work, const backend::Bounds& bounds, backend::StepTimes* times);

  const model::Plan& plan() const { return backend_->plan(); }

 private:
  WorkRunner(const model::Model& model, const WorkOptions& options,
             std::unique_ptr<machine::BandwidthProbe> probe)
      : model_(model), options_(options), probe_(std::move(probe)), random_(options.seed) {}

  Status Reserve(const std::vector<Work>& works);
  Status FillTo(int64_t depth);
  void PlaceStates(int64_t position);
  // Computes tokens [begin, end) of the first sequence in batches.
  Status RunPrompt(int64_t begin, int64_t end, backend::StepTimes* times, WorkRun* run);
  Status RunDecode(const Work& work, backend::StepTimes* times, WorkRun* run);
  Status RunBatch(backend::StepTimes* times, WorkRun* run);
  int32_t RandomToken();

  const model::Model& model_;
  const WorkOptions options_;
  const std::unique_ptr<machine::BandwidthProbe> probe_;
  backend::Bounds bounds_;
  std::mt19937 random_;
  std::unique_ptr<backend::Backend> backend_;
  std::vector<kv::PageTable> sequences_;
  std::vector<const kv::PageTable*> tables_;
  std::vector<backend::BatchToken> tokens_;
  backend::RouterTrace trace_;
  int64_t filled_ = 0;  // positions of the first sequence that have been computed
};

}  // namespace sluice::perf
