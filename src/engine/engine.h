// Answers many requests at once: continuous batching over one model.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "engine/request.h"
#include "model/model.h"

namespace sluice::engine {

struct EngineOptions {
  int threads = 0;  // 0: one per physical core
  kernels::Isa isa = kernels::Isa::kScalar;
  // Longest prompt + answer, and longest source of an encoder-decoder model; 0: the model's own, at most
  // 4096.
  int context = 0;
  int64_t kv_tokens = 0;  // positions kept over all requests; 0: kv_contexts times the context
  int kv_contexts = 1;
  int max_batch_tokens = 512;
  int max_running = 256;              // requests computed at once
  int max_queue = 1024;               // requests waiting or running
  double queue_seconds = 0;           // a request may wait for room; 0: any time
  std::optional<kernels::KvType> kv;  // how keys and values are kept; none: as the weights suggest
  bool adapters = false;              // requests may name some
  bool share_prefixes = true;         // keep what was computed for those who begin with the same tokens
  // Snapshots for that, where the model keeps states; 0: as many as take the memory of the KV cache, at
  // least 8.
  int64_t state_snapshots = 0;
};

// Steps with prompt tokens, or those without.
struct PhaseStats {
  double seconds = 0;
  int64_t tokens = 0;                      // computed
  int64_t weight_bytes = 0, kv_bytes = 0;  // read, as backend/step_cost.h counts them
};

struct EngineStats {
  int running = 0, waiting = 0;
  int64_t prompt_tokens = 0, generated_tokens = 0;  // computed, answered since the start
  int64_t steps = 0;
  int64_t experts_touched = 0;  // that had a token, summed over MoE layers and steps
  PhaseStats prefill, decode;
  int64_t preemptions = 0;
  int64_t prefix_queries = 0, prefix_hits = 0;  // tokens that others may have computed before, and that were
  // Now. Used: by running requests. Idle ones hold pages that nobody uses, and are taken when others run out.
  int64_t kv_blocks = 0, kv_blocks_used = 0, kv_blocks_idle = 0;
  int64_t state_snapshots = 0, state_snapshot_bytes = 0;  // kept now
  double step_seconds = 0;                                // since the running step began; 0: none runs
};

// Threads: every public method may be called from any thread.
class Engine {
 public:
  // `team` must outlive the engine and is used by its thread alone from now on.
  static Result<std::unique_ptr<Engine>> Create(std::unique_ptr<model::Model> model, ThreadTeam& team,
                                                const EngineOptions& options);
  virtual ~Engine() = default;  // cancels what runs

  // kUsage: the request can never be answered (too long, token outside the vocabulary); kTryLater: the queue
  // is full.
  virtual Result<RequestId> Submit(Request request, EventFn on_event) = 0;
  // The answer ends with Finish::kCancelled within one step. Unknown or finished ids are ignored.
  virtual void Cancel(RequestId id) = 0;

  virtual const model::Model& model() const = 0;
  virtual int context() const = 0;
  virtual EngineStats stats() const = 0;
  // Tokens that each expert of each MoE layer has computed since the start: [moe layer][expert], the
  // decoder's layers first.
  virtual std::vector<std::vector<int64_t>> expert_tokens() const = 0;
};

}  // namespace sluice::engine
