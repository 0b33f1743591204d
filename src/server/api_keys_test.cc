#include "server/api_keys.h"

#include <gtest/gtest.h>

namespace sluice::server {
namespace {

TEST(ApiKeys, DigestsAreSha256) {
  const std::string hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // of "abc"
  EXPECT_EQ(ToHex(DigestKey("abc")), hex);
  EXPECT_EQ(ParseDigest(hex), DigestKey("abc"));
  EXPECT_FALSE(ParseDigest(hex.substr(1)));
  EXPECT_FALSE(ParseDigest("g" + hex.substr(1)));
}

TEST(ApiKeys, NewOnesDiffer) {
  const auto one = MakeKey(), other = MakeKey();
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->size(), 67u);
  EXPECT_NE(*one, *other);
}

TEST(KeyRing, FindsByKeyAndKeepsWhatWasUsed) {
  KeyRing ring;
  EXPECT_TRUE(ring.empty());
  const ApiKey first{.name = "a", .digest = DigestKey("one"), .requests_per_minute = 1};
  const ApiKey second{.name = "b", .digest = DigestKey("two"), .admin = true};
  ring.Replace({first, second});
  ASSERT_TRUE(ring.Find("two"));
  EXPECT_TRUE(ring.Find("two")->key.admin);
  EXPECT_FALSE(ring.Find("three"));
  EXPECT_FALSE(ring.Find(""));
  const auto now = RateLimit::Clock::now();
  EXPECT_TRUE(ring.Find("one")->limit.TakeRequest(now));
  ring.Replace({first});
  EXPECT_FALSE(ring.Find("two"));
  EXPECT_FALSE(ring.Find("one")->limit.TakeRequest(now));
  ApiKey more = first;
  more.requests_per_minute = 5;
  ring.Replace({more});
  EXPECT_TRUE(ring.Find("one")->limit.TakeRequest(now));
}

}  // namespace
}  // namespace sluice::server
