// Records what the engine says about one request, for tests.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/engine.h"

namespace sluice::engine {

struct Recorded {
  std::vector<TokenOutput> prompt, tokens;
  std::optional<Finish> finish;
  Error error;
  int64_t cached = 0;
  std::vector<float> embedding;

  std::vector<int32_t> ids() const {
    std::vector<int32_t> ids;
    for (const TokenOutput& token : tokens) ids.push_back(token.id);
    return ids;
  }
};

// Copies share the record. An event after the last one fails the test.
class Recorder {
 public:
  EventFn Listen() const {
    return [state = state_](const Event& event) {
      const std::lock_guard lock(state->mutex);
      EXPECT_FALSE(state->record.finish) << "an event after the end";
      for (const TokenOutput& token : event.prompt) state->record.prompt.push_back(token);
      if (event.token) state->record.tokens.push_back(*event.token);
      state->record.finish = event.finish;
      state->record.error = event.error;
      state->record.cached += event.cached;
      state->record.embedding = event.embedding;
      state->changed.notify_all();
    };
  }

  // The whole answer.
  Recorded Wait() const {
    return WaitFor([](const Recorded& record) { return record.finish.has_value(); });
  }
  // Once `enough` holds, what has come so far. Gives up after a time that only a hanging engine needs.
  template <typename Enough>
  Recorded WaitFor(Enough enough) const {
    std::unique_lock lock(state_->mutex);
    EXPECT_TRUE(state_->changed.wait_for(lock, std::chrono::minutes(2), [&] {
      return enough(state_->record);
    })) << "the engine does not answer";
    return state_->record;
  }
  Recorded WaitForTokens(size_t n) const {
    return WaitFor([n](const Recorded& record) { return record.tokens.size() >= n || record.finish; });
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    Recorded record;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace sluice::engine
