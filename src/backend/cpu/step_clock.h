// Measures the steps of a batch. Each worker notes its own time; the worker that opens a step ends the one
// before.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "backend/backend.h"

namespace sluice::backend::cpu {

class StepClock {
 public:
  using Clock = std::chrono::steady_clock;

  // Begins a batch; nothing is measured without `times`, which gets what this batch took when it ends.
  void Start(StepTimes* times, size_t steps, int workers) {
    times_ = times;
    if (times_ == nullptr) return;
    steps_.assign(steps, {});
    workers_.assign(static_cast<size_t>(workers), std::vector<Busy>(steps));
    times_->steps.resize(steps);
    current_ = kNone;
    start_ = opened_ = Clock::now();
  }

  bool on() const { return times_ != nullptr; }

  // The step before ends, this one begins. By one worker at a time.
  void Open(size_t step) {
    if (times_ == nullptr) return;
    const Clock::time_point now = Clock::now();
    (current_ == kNone ? begin_ : steps_[current_]) = now - opened_;
    current_ = step;
    opened_ = now;
  }

  void Add(int worker, size_t step, Clock::duration time, int64_t tiles) {
    Busy& busy = workers_[worker][step];
    busy.time += time;
    busy.tiles += tiles;
  }
  // So much of a step's time went into the work of a later one, which gets its part of the wall time.
  void AddEarly(int worker, size_t step, size_t later, Clock::duration time) {
    Busy& busy = workers_[worker][step];
    busy.early += time;
    busy.later = later;
  }

  // After the last step, when no worker runs.
  void End() {
    if (times_ == nullptr) return;
    for (size_t s = 0; s < steps_.size(); ++s) {
      StepTimes::Step& step = times_->steps[s];
      double busy = 0;
      for (const std::vector<Busy>& worker : workers_) {
        busy += Seconds(worker[s].time);
        step.tiles += worker[s].tiles;
      }
      const double wall = Seconds(steps_[s]);
      step.wall_seconds += wall;
      step.busy_seconds += busy;
      for (const std::vector<Busy>& worker : workers_)
        if (const double early = Seconds(worker[s].early); early > 0) {
          const double wall_part = wall * early / busy;
          step.wall_seconds -= wall_part;
          step.busy_seconds -= early;
          times_->steps[worker[s].later].wall_seconds += wall_part;
          times_->steps[worker[s].later].busy_seconds += early;
        }
    }
    const Clock::time_point now = Clock::now();
    times_->begin_seconds += Seconds(begin_);
    times_->end_seconds += Seconds(now - opened_);
    times_->seconds += Seconds(now - start_);
    ++times_->batches;
  }

 private:
  struct Busy {
    Clock::duration time{}, early{};
    size_t later = 0;  // the step that `early` went into
    int64_t tiles = 0;
  };
  static double Seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

  StepTimes* times_ = nullptr;
  std::vector<Clock::duration> steps_;      // from opening to opening
  std::vector<std::vector<Busy>> workers_;  // [workers][steps]
  Clock::duration begin_{};                 // before the first step
  static constexpr size_t kNone = SIZE_MAX;
  size_t current_ = kNone;  // the step that is open
  Clock::time_point start_, opened_;
};

}  // namespace sluice::backend::cpu
