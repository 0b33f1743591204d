// Who runs a plan. A batch mixes prompt chunks and single tokens of any sequences; results for a token do not
// depend on what else is in the batch.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_team.h"
#include "kernels/isa.h"
#include "kv/pool.h"
#include "model/lora.h"
#include "model/plan.h"

namespace sluice::backend {

struct BatchToken {
  int32_t id = 0;
  int32_t position = 0;
  int32_t sequence = 0;  // index into Batch::sequences
  bool output = false;   // logits wanted
  bool state = false;    // or else what the head would read: the state behind the final norm
};

// Which experts each token chose, for every MoE layer, in the order of choice.
struct RouterTrace {
  struct Layer {
    int top_k = 0;
    std::vector<int32_t> experts;  // [tokens * top_k]
    std::vector<float> weights;    // [tokens * top_k], what multiplies each expert's output
  };
  std::vector<Layer> layers;
};

// Where the time of batches goes, by step of the plan.
struct StepTimes {
  struct Step {
    double wall_seconds = 0;  // from its opening to that of the next
    double busy_seconds = 0;  // in its tiles, of all workers together
    int64_t tiles = 0;
  };
  std::vector<Step> steps;
  double seconds = 0;        // of the batches as their caller sees them; of these:
  double begin_seconds = 0;  // before the first step opens
  double end_seconds = 0;    // from the end of the last step until all workers have left
  int64_t batches = 0;
};

// Hears what every matrix reads. Called by several threads, by one at a time for each matrix.
class InputObserver {
 public:
  virtual ~InputObserver() = default;
  // `rows` in the form matrix.activations, matrix.cols long.
  virtual void Read(const model::PackedMatrix& matrix, std::span<const std::byte* const> rows) = 0;
};

struct Batch {
  std::span<const BatchToken> tokens;               // those of one sequence in order of position
  std::span<const kv::PageTable* const> sequences;  // grown to hold every position
  RouterTrace* trace = nullptr;                     // filled if not null; layers that do not run stay empty
  StepTimes* times = nullptr;                       // added to if not null
  // Of an encoder-decoder model: the pages of each sequence's source, encoded before.
  std::span<const kv::PageTable* const> sources = {};
  // The encoder reads whole sources: `sequences` are their pages, `longest` each one's length. No logits.
  bool encode = false;
  InputObserver* observer = nullptr;
  // Of each sequence, null: none; or empty. The source of an answer has the answer's.
  std::span<const model::Adapter* const> adapters = {};
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual int max_tokens() const = 0;  // of a batch
  virtual kv::Pool& pool() = 0;
  // Refuses more than max_tokens, and ids outside the vocabulary. An empty batch does nothing.
  virtual Status Forward(const Batch& batch) = 0;
  // Of the i-th token with `output` in the last batch: [vocab].
  virtual std::span<const float> Logits(int i) const = 0;
  // Of the i-th token with `state` in the last batch: [dim].
  virtual std::span<const float> State(int i) const = 0;
  virtual const model::Plan& plan() const = 0;
};

struct CpuOptions {
  kernels::Isa isa = kernels::Isa::kScalar;
  int max_tokens = 512;
  int64_t context = 4096;                // positions that the KV pool holds, over all sequences
  std::optional<kernels::KvType> kv;     // how keys and values are kept; none: F32 for F32 weights, else F16
  int64_t states = 1;                    // sequences at once, where the model keeps states
  std::optional<int64_t> snapshots = 0;  // of states, kept besides; none: as many as are worth their memory
  bool adapters = false;                 // batches may have some
};

// `model` and `team` must outlive the backend; one Forward at a time.
Result<std::unique_ptr<Backend>> CreateCpuBackend(const model::Model& model, ThreadTeam& team,
                                                  const CpuOptions& options);

}  // namespace sluice::backend
