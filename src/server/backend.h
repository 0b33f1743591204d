// Who computes the answers, as the server sees it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/request.h"
#include "tokenizer/tokenizer.h"

namespace sluice::server {

// Steps of one kind since the start.
struct StepLoad {
  double seconds = 0;
  int64_t tokens = 0;
  int64_t weight_bytes = 0, kv_bytes = 0;  // read
};

struct BackendLoad {
  int running = 0, waiting = 0;  // requests
  int64_t prompt_tokens = 0, generated_tokens = 0;
  int64_t steps = 0;
  int64_t experts_touched = 0;                      // that had a token, over MoE layers and steps
  std::vector<std::vector<int64_t>> expert_tokens;  // [moe layer][expert]
  int64_t preemptions = 0;                          // requests put back to be computed again
  int64_t prefix_queries = 0, prefix_hits = 0;      // tokens looked for in the prefix cache, and found
  int64_t kv_blocks = 0, kv_blocks_used = 0, kv_blocks_idle = 0;  // idle: kept for later requests
  int64_t state_snapshots = 0, state_snapshot_bytes = 0;          // of linear attention, kept for the same
  double step_seconds = 0;   // since what is being computed began; 0: nothing is
  StepLoad prefill, decode;  // steps with prompt tokens, and the others
};

// Every method may be called from any thread.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual Result<engine::RequestId> Submit(engine::Request request, engine::EventFn on_event) = 0;
  virtual void Cancel(engine::RequestId id) = 0;

  virtual BackendLoad load() const = 0;  // counts since the start

  virtual const std::string& model_name() const = 0;
  virtual const tokenizer::Tokenizer& tokenizer() const = 0;
  virtual int context() const = 0;  // tokens of prompt and answer together
  virtual int width() const = 0;    // elements of an embedding
  // An encoder-decoder model: a prompt is a source text, an answer begins anew and shows the special tokens
  // that tell its parts apart. Source and answer may each be as long as the context.
  virtual bool reads_source() const { return false; }

  // This model with an adapter from a folder (model/lora.h), under a name of its own, computed by the same
  // engine.
  virtual Result<std::shared_ptr<Backend>> WithAdapter(const std::string& name, const std::string& directory,
                                                       int64_t most_bytes) const;
  virtual std::string parent() const { return ""; }  // the model that an adapter changes
  virtual int64_t adapter_bytes() const { return 0; }
};

}  // namespace sluice::server
