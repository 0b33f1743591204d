// How often and how much one key may ask.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>

#include "server/errors.h"

namespace sluice::server {

// Holds up to a minute's allowance and fills at an even rate. Not thread-safe.
class TokenBucket {
 public:
  using Clock = std::chrono::steady_clock;

  // `per_minute` 0: no limit.
  TokenBucket(int64_t per_minute, Clock::time_point now);

  bool limited() const { return per_minute_ > 0; }
  int64_t per_minute() const { return per_minute_; }
  bool Has(int64_t amount, Clock::time_point now);
  // May leave less than nothing: what was used is owed.
  void Spend(int64_t amount, Clock::time_point now);
  int64_t left(Clock::time_point now);
  // Seconds until `amount` is there; until it is full for the whole allowance.
  double Wait(int64_t amount, Clock::time_point now);

 private:
  int64_t per_minute_;
  double level_;
  Clock::time_point filled_;

  void Fill(Clock::time_point now);
};

// The two limits of one key. Thread-safe.
class RateLimit {
 public:
  using Clock = TokenBucket::Clock;

  RateLimit(int64_t requests_per_minute, int64_t tokens_per_minute, Clock::time_point now)
      : requests_(requests_per_minute, now), tokens_(tokens_per_minute, now) {}

  // One request, or 429.
  ApiResult<void> TakeRequest(Clock::time_point now);
  // A prompt's tokens, or 429.
  ApiResult<void> TakeTokens(int64_t tokens, Clock::time_point now);
  // Those of an answer, which nobody knew beforehand.
  void SpendTokens(int64_t tokens, Clock::time_point now);
  // x-ratelimit-*, of the limits that there are.
  Headers Describe(Clock::time_point now);

 private:
  std::mutex mutex_;
  TokenBucket requests_, tokens_;
};

}  // namespace sluice::server
