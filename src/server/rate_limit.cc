#include "server/rate_limit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sluice::server {
namespace {

ApiError Refusal(const char* what, int64_t limit, int64_t asked, double wait) {
  ApiError error{.status = 429, .message = {}, .type = "rate_limit_error", .code = "rate_limit_exceeded"};
  if (asked > limit) {
    error.message = fmt::format("the prompt has {} tokens, and this key may use {} a minute", asked, limit);
    error.headers = {{"x-should-retry", "false"}};
    return error;
  }
  const auto milliseconds = static_cast<int64_t>(std::ceil(wait * 1000));
  error.message =
      fmt::format("this key's limit of {} {} a minute is reached; try again in {:.3g} s", limit, what, wait);
  error.headers = {{"Retry-After", fmt::format("{}", std::max<int64_t>(1, (milliseconds + 999) / 1000))},
                   {"retry-after-ms", fmt::format("{}", milliseconds)}};
  return error;
}

// "1m30s", "2.5s", "20ms".
std::string Duration(double seconds) {
  const auto milliseconds = static_cast<int64_t>(std::ceil(seconds * 1000));
  if (milliseconds < 1000) return fmt::format("{}ms", milliseconds);
  if (milliseconds < 60'000) return fmt::format("{}s", static_cast<double>(milliseconds) / 1000);
  return fmt::format("{}m{}s", milliseconds / 60'000, (milliseconds % 60'000 + 999) / 1000);
}

void AddHeaders(const char* what, TokenBucket& bucket, TokenBucket::Clock::time_point now, Headers& headers) {
  if (!bucket.limited()) return;
  const int64_t left = std::max<int64_t>(0, bucket.left(now));
  headers.emplace_back(fmt::format("x-ratelimit-limit-{}", what), fmt::format("{}", bucket.per_minute()));
  headers.emplace_back(fmt::format("x-ratelimit-remaining-{}", what), fmt::format("{}", left));
  headers.emplace_back(fmt::format("x-ratelimit-reset-{}", what),
                       Duration(bucket.Wait(bucket.per_minute(), now)));
}

}  // namespace

TokenBucket::TokenBucket(int64_t per_minute, Clock::time_point now)
    : per_minute_(per_minute), level_(static_cast<double>(per_minute)), filled_(now) {}

void TokenBucket::Fill(Clock::time_point now) {
  if (now <= filled_) return;
  const double seconds = std::chrono::duration<double>(now - filled_).count();
  const auto most = static_cast<double>(per_minute_);
  level_ = std::min(most, level_ + seconds * most / 60);
  filled_ = now;
}

bool TokenBucket::Has(int64_t amount, Clock::time_point now) {
  Fill(now);
  constexpr double kRounding = 1e-6;  // of many small fillings
  return !limited() || level_ + kRounding >= static_cast<double>(amount);
}

void TokenBucket::Spend(int64_t amount, Clock::time_point now) {
  Fill(now);
  if (limited()) level_ -= static_cast<double>(amount);
}

int64_t TokenBucket::left(Clock::time_point now) {
  Fill(now);
  return static_cast<int64_t>(std::floor(level_ + 1e-6));
}

double TokenBucket::Wait(int64_t amount, Clock::time_point now) {
  Fill(now);
  if (!limited()) return 0;
  return std::max(0.0, (static_cast<double>(amount) - level_) * 60 / static_cast<double>(per_minute_));
}

ApiResult<void> RateLimit::TakeRequest(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (!requests_.Has(1, now))
    return tl::make_unexpected(Refusal("requests", requests_.per_minute(), 1, requests_.Wait(1, now)));
  requests_.Spend(1, now);
  return {};
}

ApiResult<void> RateLimit::TakeTokens(int64_t tokens, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (!tokens_.Has(tokens, now))
    return tl::make_unexpected(Refusal("tokens", tokens_.per_minute(), tokens, tokens_.Wait(tokens, now)));
  tokens_.Spend(tokens, now);
  return {};
}

void RateLimit::SpendTokens(int64_t tokens, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  tokens_.Spend(tokens, now);
}

Headers RateLimit::Describe(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  Headers headers;
  AddHeaders("requests", requests_, now, headers);
  AddHeaders("tokens", tokens_, now, headers);
  return headers;
}

}  // namespace sluice::server
