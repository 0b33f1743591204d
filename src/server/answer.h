// What a route gives back: a reply at once, or an answer that is still being computed. Knows nothing of
// sockets.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "server/errors.h"

namespace sluice::server {

struct Reply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  Headers headers = {};
};

Reply ErrorReply(const ApiError& error);

// Progress of an answer. All methods are called from one thread at a time; whoever waits is woken through the
// function that the route was given, from any thread.
class PendingAnswer {
 public:
  virtual ~PendingAnswer() = default;  // cancels what still runs

  // True: the client gets 200 and an event stream at once, then the bytes of each Progress.
  virtual bool streamed() const = 0;
  virtual Headers headers() const = 0;

  struct Progress {
    std::string bytes;           // of the event stream
    std::optional<Reply> reply;  // not streamed: the whole answer
    bool done = false;
    bool failed =
        false;  // streamed: the connection is to be cut, so that nobody takes this for a whole answer
  };
  // What has come since the last call; never waits.
  virtual Progress Take() = 0;
  // When Take has something to say even if nobody was woken.
  virtual std::chrono::steady_clock::time_point late_at() const {
    return std::chrono::steady_clock::time_point::max();
  }
};

using Waker = std::function<void()>;
using Answer = std::variant<Reply, std::unique_ptr<PendingAnswer>>;

}  // namespace sluice::server
