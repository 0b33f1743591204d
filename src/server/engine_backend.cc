#include "server/engine_backend.h"

namespace sluice::server {
namespace {

class EngineBackend final : public Backend {
 public:
  EngineBackend(std::shared_ptr<engine::Engine> engine, std::shared_ptr<const tokenizer::Tokenizer> tokenizer,
                std::string model_name)
      : engine_(std::move(engine)), tokenizer_(std::move(tokenizer)), model_name_(std::move(model_name)) {}

  Result<engine::RequestId> Submit(engine::Request request, engine::EventFn on_event) override {
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
            .kv_blocks_idle = stats.kv_blocks_idle};
  }
  const std::string& model_name() const override { return model_name_; }
  const tokenizer::Tokenizer& tokenizer() const override { return *tokenizer_; }
  int context() const override { return engine_->context(); }
  bool reads_source() const override { return engine_->model().desc.encoder.has_value(); }

 private:
  std::shared_ptr<engine::Engine> engine_;
  std::shared_ptr<const tokenizer::Tokenizer> tokenizer_;
  std::string model_name_;
};

}  // namespace

std::unique_ptr<Backend> MakeEngineBackend(std::shared_ptr<engine::Engine> engine,
                                           std::shared_ptr<const tokenizer::Tokenizer> tokenizer,
                                           std::string model_name) {
  return std::make_unique<EngineBackend>(std::move(engine), std::move(tokenizer), std::move(model_name));
}

}  // namespace sluice::server
