// What the server counts, and its page for Prometheus. Names are those that dashboards for inference servers
// know.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "engine/request.h"
#include "server/backend.h"

namespace sluice::server {

// Values by upper bound.
class Histogram {
 public:
  explicit Histogram(std::span<const double> bounds) : bounds_(bounds), counts_(bounds.size() + 1) {}

  void Add(double value);
  // In Prometheus' text form; `name` without suffix.
  void Write(std::string_view name, std::string_view help, std::string& out) const;

 private:
  std::span<const double> bounds_;
  std::vector<int64_t> counts_;  // of each bucket alone; the last has no bound
  double sum_ = 0;
};

// Thread-safe.
class Metrics {
 public:
  using Clock = std::chrono::steady_clock;

  Metrics();

  // An answer ended: "stop", "length", "tool_calls", "error", or "abort" where the client went away.
  void Ended(const std::string& reason);

  // Follows one request to the engine; `at` are readings of Clock.
  class Timer {
   public:
    Timer(std::shared_ptr<Metrics> metrics, Clock::time_point begin)
        : metrics_(std::move(metrics)), begin_(begin), last_(begin) {}
    void On(const engine::Event& event, Clock::time_point at);

   private:
    std::shared_ptr<Metrics> metrics_;
    Clock::time_point begin_, last_, first_;
    int64_t tokens_ = 0;
  };

  // The page: what was counted here, and the state of the backend, if there is one. `bandwidth`: bytes that
  // the machine reads in a second, 0: unknown.
  std::string Page(const Backend* backend, double bandwidth = 0) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int64_t> finished_;  // by reason
  Histogram first_token_, between_tokens_, whole_;
  Histogram duration_, time_to_first_, per_token_;  // the same with the buckets of OpenTelemetry
};

// How evenly a layer's router spread its tokens over the experts.
struct ExpertLoad {
  double imbalance = 0;                     // most loaded to mean
  double entropy = 0;                       // of the shares, 1: even
  int dead = 0;                             // experts without a token
  std::vector<std::pair<int, double>> top;  // expert and share, the most loaded first
};
ExpertLoad MeasureLoad(std::span<const int64_t> tokens, int top);

}  // namespace sluice::server
