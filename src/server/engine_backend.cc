#include "server/engine_backend.h"

#include <fmt/format.h>

#include "model/lora.h"

namespace sluice::server {

Result<std::shared_ptr<Backend>> Backend::WithAdapter(const std::string&, const std::string&, int64_t) const {
  return Fail(ErrorCode::kUsage, fmt::format("the model '{}' takes no adapters", model_name()));
}

namespace {

StepLoad LoadOf(const engine::PhaseStats& phase) {
  return {phase.seconds, phase.tokens, phase.weight_bytes, phase.kv_bytes};
}

class EngineBackend final : public Backend {
 public:
  EngineBackend(std::shared_ptr<engine::Engine> engine, std::shared_ptr<const tokenizer::Tokenizer> tokenizer,
                std::string model_name)
      : engine_(std::move(engine)), tokenizer_(std::move(tokenizer)), model_name_(std::move(model_name)) {}
  EngineBackend(const EngineBackend& base, std::string name, std::shared_ptr<const model::Adapter> adapter)
      : engine_(base.engine_),
        tokenizer_(base.tokenizer_),
        model_name_(std::move(name)),
        parent_(base.model_name_),
        adapter_(std::move(adapter)) {}

  Result<engine::RequestId> Submit(engine::Request request, engine::EventFn on_event) override {
    request.adapter = adapter_;
    return engine_->Submit(std::move(request), std::move(on_event));
  }
  void Cancel(engine::RequestId id) override { engine_->Cancel(id); }
  BackendLoad load() const override {
    const engine::EngineStats stats = engine_->stats();
    return {.running = stats.running,
            .waiting = stats.waiting,
            .prompt_tokens = stats.prompt_tokens,
            .generated_tokens = stats.generated_tokens,
            .steps = stats.steps,
            .experts_touched = stats.experts_touched,
            .expert_tokens = engine_->expert_tokens(),
            .preemptions = stats.preemptions,
            .prefix_queries = stats.prefix_queries,
            .prefix_hits = stats.prefix_hits,
            .kv_blocks = stats.kv_blocks,
            .kv_blocks_used = stats.kv_blocks_used,
            .kv_blocks_idle = stats.kv_blocks_idle,
            .state_snapshots = stats.state_snapshots,
            .state_snapshot_bytes = stats.state_snapshot_bytes,
            .step_seconds = stats.step_seconds,
            .prefill = LoadOf(stats.prefill),
            .decode = LoadOf(stats.decode)};
  }
  const std::string& model_name() const override { return model_name_; }
  const tokenizer::Tokenizer& tokenizer() const override { return *tokenizer_; }
  int context() const override { return engine_->context(); }
  int width() const override { return engine_->model().desc.dim; }
  bool reads_source() const override { return engine_->model().desc.encoder.has_value(); }
  Result<std::shared_ptr<Backend>> WithAdapter(const std::string& name, const std::string& directory,
                                               int64_t most_bytes) const override {
    if (adapter_) return Backend::WithAdapter(name, directory, most_bytes);
    SLUICE_TRY(auto adapter, model::LoadAdapter(engine_->model(), directory, most_bytes));
    return std::make_shared<EngineBackend>(*this, name, std::move(adapter));
  }
  std::string parent() const override { return parent_; }
  int64_t adapter_bytes() const override { return adapter_ ? adapter_->bytes() : 0; }

 private:
  std::shared_ptr<engine::Engine> engine_;
  std::shared_ptr<const tokenizer::Tokenizer> tokenizer_;
  std::string model_name_;
  std::string parent_;
  std::shared_ptr<const model::Adapter> adapter_;
};

}  // namespace

std::unique_ptr<Backend> MakeEngineBackend(std::shared_ptr<engine::Engine> engine,
                                           std::shared_ptr<const tokenizer::Tokenizer> tokenizer,
                                           std::string model_name) {
  return std::make_unique<EngineBackend>(std::move(engine), std::move(tokenizer), std::move(model_name));
}

}  // namespace sluice::server
