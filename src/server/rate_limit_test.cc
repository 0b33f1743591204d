#include "server/rate_limit.h"

#include <gtest/gtest.h>

namespace sluice::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const TokenBucket::Clock::time_point kStart = TokenBucket::Clock::time_point() + seconds(1000);

TEST(TokenBucket, HoldsAMinuteAndFillsEvenly) {
  TokenBucket bucket(60, kStart);
  EXPECT_TRUE(bucket.Has(60, kStart));
  EXPECT_FALSE(bucket.Has(61, kStart));
  bucket.Spend(60, kStart);
  EXPECT_FALSE(bucket.Has(1, kStart + milliseconds(999)));
  EXPECT_TRUE(bucket.Has(1, kStart + seconds(1)));
  EXPECT_EQ(bucket.left(kStart + seconds(30)), 30);
  EXPECT_EQ(bucket.left(kStart + seconds(500)), 60);
  EXPECT_EQ(bucket.left(kStart), 60);  // a clock that goes back takes nothing away
}

TEST(TokenBucket, OwesWhatWasUsed) {
  TokenBucket bucket(60, kStart);
  bucket.Spend(90, kStart);
  EXPECT_EQ(bucket.left(kStart), -30);
  EXPECT_DOUBLE_EQ(bucket.Wait(1, kStart), 31);
}

TEST(TokenBucket, WithoutALimitAllows) {
  TokenBucket bucket(0, kStart);
  bucket.Spend(1 << 30, kStart);
  EXPECT_TRUE(bucket.Has(1 << 30, kStart));
}

std::string Value(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return "none";
}

TEST(RateLimit, SaysWhenToComeBack) {
  RateLimit limit(2, 100, kStart);
  EXPECT_TRUE(limit.TakeRequest(kStart));
  EXPECT_TRUE(limit.TakeRequest(kStart));
  const auto refused = limit.TakeRequest(kStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 429);
  EXPECT_EQ(Value(refused.error().headers, "Retry-After"), "30");
  EXPECT_EQ(Value(refused.error().headers, "retry-after-ms"), "30000");
  EXPECT_TRUE(limit.TakeRequest(kStart + seconds(30)));
  EXPECT_TRUE(limit.TakeTokens(100, kStart));
  EXPECT_EQ(Value(limit.TakeTokens(10, kStart).error().headers, "Retry-After"), "6");
  EXPECT_EQ(Value(limit.TakeTokens(101, kStart).error().headers, "x-should-retry"), "false");
}

TEST(RateLimit, DescribesItselfAsOpenAiDoes) {
  RateLimit limit(60, 6000, kStart);
  EXPECT_TRUE(limit.TakeRequest(kStart));
  EXPECT_TRUE(limit.TakeTokens(3000, kStart));
  limit.SpendTokens(6000, kStart);
  const Headers headers = limit.Describe(kStart);
  EXPECT_EQ(Value(headers, "x-ratelimit-limit-requests"), "60");
  EXPECT_EQ(Value(headers, "x-ratelimit-remaining-requests"), "59");
  EXPECT_EQ(Value(headers, "x-ratelimit-reset-requests"), "1s");
  EXPECT_EQ(Value(headers, "x-ratelimit-limit-tokens"), "6000");
  EXPECT_EQ(Value(headers, "x-ratelimit-remaining-tokens"), "0");
  EXPECT_EQ(Value(headers, "x-ratelimit-reset-tokens"), "1m30s");
  EXPECT_TRUE(RateLimit(0, 0, kStart).Describe(kStart).empty());
}

}  // namespace
}  // namespace sluice::server
