// A server of ours or a peer's, started for a measurement and ended after it.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "perf/serving/replay.h"

namespace sluice::perf {

class ServedProgram {
 public:
  // Starts it and waits until GET /health answers 200, which loading the model delays. kIo: it ended before,
  // or did not answer in time.
  static Result<ServedProgram> Start(const std::string& program, const std::vector<std::string>& arguments,
                                     const Endpoint& endpoint, std::chrono::seconds patience);
  ~ServedProgram();  // SIGTERM, and SIGKILL to one that does not end
  ServedProgram(ServedProgram&& other) noexcept;
  ServedProgram& operator=(ServedProgram&&) = delete;

 private:
  explicit ServedProgram(int pid) : pid_(pid) {}
  int pid_;  // -1: none
};

// A port of the loopback address that nobody listens on now.
Result<uint16_t> FreePort();

}  // namespace sluice::perf
