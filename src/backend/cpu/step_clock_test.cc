#include "backend/cpu/step_clock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace sluice::backend::cpu {
namespace {

using std::chrono::milliseconds;

TEST(StepClock, NotesNothingWithoutTimes) {
  StepClock clock;
  clock.Start(nullptr, 2, 1);
  EXPECT_FALSE(clock.on());
  clock.Open(0);
  clock.End();
}

// Three steps and two workers; the first step is open for two milliseconds.
struct BegunClock : StepClock {
  explicit BegunClock(StepTimes* times) {
    Start(times, 3, 2);
    Open(0);
    std::this_thread::sleep_for(milliseconds(2));
  }
};

TEST(StepClock, AStepLastsUntilTheNextOpens) {
  StepTimes times;
  BegunClock clock(&times);
  clock.Add(0, 0, milliseconds(2), 5);
  clock.Add(1, 0, milliseconds(1), 3);
  clock.Open(2);
  clock.End();
  EXPECT_GE(times.steps[0].wall_seconds, 0.002);
  EXPECT_DOUBLE_EQ(times.steps[0].busy_seconds, 0.003);
  EXPECT_EQ(times.steps[0].tiles, 8);
  EXPECT_EQ(times.steps[1].wall_seconds, 0);
  EXPECT_EQ(times.batches, 1);
}

TEST(StepClock, EarlyWorkCountsForItsOwnStep) {
  StepTimes times;
  BegunClock clock(&times);
  clock.Add(0, 0, milliseconds(3), 1);
  clock.AddEarly(0, 0, 2, milliseconds(1));
  clock.Add(1, 0, milliseconds(1), 1);
  clock.Open(2);
  clock.Add(0, 2, milliseconds(1), 1);
  clock.Open(3);
  clock.End();
  EXPECT_NEAR(times.steps[0].busy_seconds, 0.003, 1e-9);
  EXPECT_NEAR(times.steps[2].busy_seconds, 0.002, 1e-9);
  // A quarter of what the workers did.
  EXPECT_GE(times.steps[0].wall_seconds, 0.0015);
  EXPECT_GE(times.steps[2].wall_seconds, 0.0005);
  EXPECT_NEAR(
      times.begin_seconds + times.steps[0].wall_seconds + times.steps[2].wall_seconds + times.end_seconds,
      times.seconds, 1e-6);
}

}  // namespace
}  // namespace sluice::backend::cpu
