// For tests: a backend that says what it was told to say, one byte a token.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "server/backend.h"

namespace sluice::server {

// Bytes are tokens 0-255; 256 is <s>, 257 ends an answer.
class ByteTokenizer final : public tokenizer::Tokenizer {
 public:
  static constexpr int32_t kBos = 256, kEos = 257;
  std::string template_text;

  Result<std::vector<tokenizer::TokenId>> Encode(std::string_view text,
                                                 tokenizer::EncodeOptions) const override {
    std::vector<tokenizer::TokenId> ids;
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  }
  std::string Decode(std::span<const tokenizer::TokenId> ids, bool) const override {
    std::string text;
    for (const auto id : ids)
      if (id >= 0 && id < 256) text += static_cast<char>(id);
    return text;
  }
  int32_t vocab_size() const override { return 258; }
  std::string TokenSpelling(tokenizer::TokenId id) const override {
    return id == kBos            ? "<s>"
           : id == kEos          ? "</s>"
           : id >= 0 && id < 256 ? std::string(1, static_cast<char>(id))
                                 : "";
  }
  std::string TokenBytes(tokenizer::TokenId id) const override {
    return id >= 0 && id < 256 ? std::string(1, static_cast<char>(id)) : "";
  }
  std::optional<tokenizer::TokenId> FindToken(std::string_view) const override { return std::nullopt; }
  bool IsSpecial(tokenizer::TokenId id) const override { return id >= 256; }
  std::optional<tokenizer::TokenId> bos() const override { return kBos; }
  std::optional<tokenizer::TokenId> eos() const override { return kEos; }
  std::span<const tokenizer::TokenId> end_tokens() const override { return ends_; }
  std::string_view chat_template() const override { return template_text; }

 private:
  std::vector<tokenizer::TokenId> ends_ = {kEos};
};

class FakeBackend final : public Backend {
 public:
  explicit FakeBackend(std::string says) : says_(std::move(says)), worker_([this] { Work(); }) {}
  ~FakeBackend() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    worker_.join();
  }

  ByteTokenizer& bytes() { return tokenizer_; }
  // What later answers say.
  void Say(std::string text) {
    std::lock_guard lock(mutex_);
    says_ = std::move(text);
  }
  // From now on as a model with an encoder.
  void ReadSources() { reads_source_ = true; }
  // From now on no token comes until Allow.
  void Hold() { SetBudget(0); }
  void Allow(int64_t tokens) { SetBudget(tokens); }
  void FailAfter(int tokens, engine::Finish how = engine::Finish::kError) {
    fail_after_ = tokens;
    failure_ = how;
  }
  // Later answers report so many tokens of their prompts as known before.
  void KnowPrompts(int64_t cached) { cached_ = cached; }
  // From now on as one whose step began so long ago.
  void ComputeSince(double seconds) { step_seconds_ = seconds; }
  void RefuseSubmit(Error error) { refusal_ = std::move(error); }
  std::vector<engine::Request> requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  // Waits until `count` requests have been cancelled.
  bool WaitForCancels(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return cancelled_.size() >= count; });
  }
  bool WaitForRequests(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return requests_.size() >= count; });
  }
  size_t cancels() {
    std::lock_guard lock(mutex_);
    return cancelled_.size();
  }

  Result<engine::RequestId> Submit(engine::Request request, engine::EventFn on_event) override {
    std::lock_guard lock(mutex_);
    if (refusal_) return Fail(*refusal_);
    requests_.push_back(request);
    running_[++last_id_] = {std::move(request), std::move(on_event), 0};
    changed_.notify_all();
    return last_id_;
  }
  void Cancel(engine::RequestId id) override {
    std::lock_guard lock(mutex_);
    if (!running_.contains(id)) return;
    cancelled_.insert(id);
    changed_.notify_all();
  }
  BackendLoad load() const override {
    return {.running = 3,
            .expert_tokens = {{1, 1}, {0, 5}},
            .preemptions = 2,
            .prefix_queries = 100,
            .prefix_hits = 64,
            .kv_blocks = 8,
            .kv_blocks_used = 2,
            .kv_blocks_idle = 5,
            .state_snapshots = 3,
            .state_snapshot_bytes = 3000,
            .step_seconds = step_seconds_,
            .prefill = {.seconds = 1.5, .tokens = 70, .weight_bytes = 9000, .kv_bytes = 500},
            .decode = {.seconds = 0.5, .tokens = 8, .weight_bytes = 6000, .kv_bytes = 400}};
  }
  const std::string& model_name() const override { return name_; }
  const tokenizer::Tokenizer& tokenizer() const override { return tokenizer_; }
  int context() const override { return 200; }
  int width() const override { return 2; }
  bool reads_source() const override { return reads_source_; }

 private:
  struct Running {
    engine::Request request;
    engine::EventFn on_event;
    size_t said = 0;
  };

  bool reads_source_ = false;
  std::string says_, name_ = "fake";
  ByteTokenizer tokenizer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<engine::RequestId, Running> running_;
  std::set<engine::RequestId> cancelled_;
  std::vector<engine::Request> requests_;
  engine::RequestId last_id_ = 0;
  int64_t budget_ = INT64_MAX;
  int fail_after_ = -1;
  engine::Finish failure_ = engine::Finish::kError;
  int64_t cached_ = 0;
  std::atomic<double> step_seconds_ = 0;
  std::optional<Error> refusal_;
  bool stopping_ = false;
  std::thread worker_;

  void SetBudget(int64_t tokens) {
    std::lock_guard lock(mutex_);
    budget_ = tokens;
    changed_.notify_all();
  }

  engine::Event NextEvent(Running& running) const {
    if (fail_after_ >= 0 && running.said >= static_cast<size_t>(fail_after_))
      return {.finish = failure_, .error = {ErrorCode::kInternal, "the numbers went bad", {}}};
    const auto& prompt = running.request.prompt;
    if (running.request.pooling != engine::Pooling::kNone)
      return {.finish = engine::Finish::kStop,
              .embedding = {3, running.request.pooling == engine::Pooling::kLast ? 0.0f : 4.0f},
              .cached = cached_};
    const bool ends = running.said == says_.size();
    engine::TokenOutput token{
        .id = ends ? ByteTokenizer::kEos : static_cast<unsigned char>(says_[running.said]), .logprob = -0.5f};
    for (int i = 0; i < running.request.top_logprobs; ++i)
      token.top.emplace_back('a' + i, -1.0f - static_cast<float>(i));
    engine::Event event{.token = std::move(token)};
    if (running.said == 0) event.cached = cached_;
    if (running.said++ == 0 && running.request.prompt_logprobs >= 0)
      for (size_t i = 1; i < prompt.size(); ++i)
        event.prompt.push_back({.id = prompt[i], .logprob = -1, .top = {{'z', -0.25f}}});
    if (ends)
      event.finish = engine::Finish::kStop;
    else if (running.request.max_tokens > 0 &&
             running.said == static_cast<size_t>(running.request.max_tokens))
      event.finish = engine::Finish::kLength;
    return event;
  }

  // One round over the running requests: a token each.
  void Work() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      const bool cancels = std::any_of(running_.begin(), running_.end(),
                                       [&](const auto& r) { return cancelled_.contains(r.first); });
      if (running_.empty() || (budget_ <= 0 && !cancels)) {
        changed_.wait(lock);
        continue;
      }
      for (auto it = running_.begin(); it != running_.end();) {
        engine::Event event;
        if (cancelled_.contains(it->first))
          event.finish = engine::Finish::kCancelled;
        else if (budget_ <= 0) {
          ++it;
          continue;
        } else {
          event = NextEvent(it->second);
          --budget_;
        }
        it->second.on_event(event);
        it = event.finish ? running_.erase(it) : std::next(it);
      }
    }
  }
};

}  // namespace sluice::server
