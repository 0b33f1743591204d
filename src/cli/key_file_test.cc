#include "cli/key_file.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

namespace sluice::cli {
namespace {

Result<std::vector<server::ApiKey>> Parse(const std::string& text) {
  SLUICE_TRY(const TomlFile file, ParseToml(text, "keys"));
  return ReadKeys(file);
}

std::string Refusal(const std::string& text) {
  const auto keys = Parse(text);
  return keys ? "accepted" : keys.error().message + " / " + keys.error().hint;
}

const std::string kHash = "sha256 = \"" + std::string(64, 'a') + "\"\n";

TEST(KeyFile, ReadsWhatIsWritten) {
  server::ApiKey one{
      .name = "team-a", .digest = server::DigestKey("x"), .requests_per_minute = 60, .admin = true};
  server::ApiKey other{.name = "b", .digest = server::DigestKey("y"), .tokens_per_minute = 7};
  const auto keys = Parse(KeyTable(one) + "\n" + KeyTable(other) + "[[key]]\n" + kHash);
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 3u);
  EXPECT_EQ((*keys)[0].name, "team-a");
  EXPECT_EQ((*keys)[0].digest, one.digest);
  EXPECT_EQ((*keys)[0].requests_per_minute, 60);
  EXPECT_TRUE((*keys)[0].admin);
  EXPECT_EQ((*keys)[1].tokens_per_minute, 7);
  EXPECT_FALSE((*keys)[1].admin);
  EXPECT_EQ((*keys)[2].name, "key-3");
}

TEST(KeyFile, WrongOnesAreRefusedByLine) {
  EXPECT_EQ(Refusal("[[key]]\n" + kHash + "admn = true\n"),
            "keys:3: a key has no field 'admn' / did you mean admin?");
  EXPECT_EQ(Refusal("[[key]]\n" + kHash + "admin = 1\n"),
            "keys:3: admin must be true or false, and is an integer / ");
  EXPECT_EQ(Refusal("[[key]]\n" + kHash + "tokens_per_minute = -1\n").substr(0, 31),
            "keys:3: tokens_per_minute is -1");
  EXPECT_EQ(Refusal("\n[[key]]\nsha256 = \"abc\"\n").substr(0, 24), "keys:2: this key has no ");
  EXPECT_EQ(Refusal("[[key]]\nname = \"a b\"\n" + kHash).substr(0, 16), "keys:1: a key's ");
  EXPECT_EQ(Refusal("[[key]]\nname = \"a\"\n" + kHash + "[[key]]\nname = \"a\"\n" + kHash),
            "keys:4: the name 'a' is taken by another key / ");
  EXPECT_EQ(Refusal("port = 1\n"), "keys:1: 'port' stands outside of a [[key]] / ");
  EXPECT_EQ(Refusal("[[keys]]\n" + kHash), "keys:1: [[keys]] is no [[key]] / ");
}

}  // namespace
}  // namespace sluice::cli
