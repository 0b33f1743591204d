// Ctrl-C as a question instead of an end.
#pragma once

#include <csignal>
#include <initializer_list>
#include <utility>
#include <vector>

namespace sluice::cli {

// While one lives, these signals only raise a flag. One at a time.
class InterruptScope {
 public:
  explicit InterruptScope(std::initializer_list<int> signals = {SIGINT});
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  bool Asked() const;

 private:
  std::vector<std::pair<int, struct sigaction>> before_;
};

}  // namespace sluice::cli
