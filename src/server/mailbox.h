// Events on their way from the engine's thread to the connection's.
#pragma once

#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "engine/request.h"
#include "server/answer.h"

namespace sluice::server {

// Thread-safe.
class Mailbox {
 public:
  // `wake` is called when Take has news.
  explicit Mailbox(Waker wake) : wake_(std::move(wake)) {}

  // `number`: which of the requests that share the box. Where memory is short the reader is told that
  // something is lost.
  void Post(size_t number, const engine::Event& event) {
    std::lock_guard lock(mutex_);
    try {
      events_.emplace_back(number, event);
    } catch (const std::bad_alloc&) {
      lost_ = true;
    }
    if (woken_ || !wake_) return;
    try {
      wake_();
      woken_ = true;
    } catch (const std::bad_alloc&) {  // the next event tries again, and the reader looks from time to time
    }
  }
  std::vector<std::pair<size_t, engine::Event>> Take() {
    std::lock_guard lock(mutex_);
    woken_ = false;
    return std::exchange(events_, {});
  }
  bool lost() const {
    std::lock_guard lock(mutex_);
    return lost_;
  }
  // Nobody reads any more.
  void Close() {
    std::lock_guard lock(mutex_);
    wake_ = nullptr;
  }

 private:
  mutable std::mutex mutex_;
  Waker wake_;
  bool woken_ = false, lost_ = false;
  std::vector<std::pair<size_t, engine::Event>> events_;
};

}  // namespace sluice::server
