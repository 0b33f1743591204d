// Ctrl-C as a question instead of an end.
#pragma once

#include <csignal>

namespace sluice::cli {

// While one lives, SIGINT only raises a flag. One at a time.
class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  bool Asked() const;

 private:
  struct sigaction before_;
};

}  // namespace sluice::cli
