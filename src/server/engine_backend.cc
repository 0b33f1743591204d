#include "server/engine_backend.h"

namespace sluice::server {
namespace {

class EngineBackend final : public Backend {
 public:
  EngineBackend(engine::Engine& engine, const tokenizer::Tokenizer& tokenizer, std::string model_name)
      : engine_(engine), tokenizer_(tokenizer), model_name_(std::move(model_name)) {}

  Result<engine::RequestId> Submit(engine::Request request, engine::EventFn on_event) override {
    return engine_.Submit(std::move(request), std::move(on_event));
  }
  void Cancel(engine::RequestId id) override { engine_.Cancel(id); }
  BackendLoad load() const override {
    const engine::EngineStats stats = engine_.stats();
    return {stats.running, stats.waiting,         stats.prompt_tokens,    stats.generated_tokens,
            stats.steps,   stats.experts_touched, engine_.expert_tokens()};
  }
  const std::string& model_name() const override { return model_name_; }
  const tokenizer::Tokenizer& tokenizer() const override { return tokenizer_; }
  int context() const override { return engine_.context(); }
  bool reads_source() const override { return engine_.model().desc.encoder.has_value(); }

 private:
  engine::Engine& engine_;
  const tokenizer::Tokenizer& tokenizer_;
  std::string model_name_;
};

}  // namespace

std::unique_ptr<Backend> MakeEngineBackend(engine::Engine& engine, const tokenizer::Tokenizer& tokenizer,
                                           std::string model_name) {
  return std::make_unique<EngineBackend>(engine, tokenizer, std::move(model_name));
}

}  // namespace sluice::server
