#include "server/json_input.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace sluice::server {
namespace {

TEST(JsonInput, KeepsOrderAndNumbers) {
  const auto json = ParseJson(R"({"z":1,"a":[-2,1.5,{"k":null}],"m":18446744073709551615})");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->dump(), R"({"z":1,"a":[-2,1.5,{"k":null}],"m":18446744073709551615})");
}

TEST(JsonInput, SaysWhereItStops) {
  const auto json = ParseJson("{\"a\":1,\n \"a\":2}");
  ASSERT_FALSE(json);
  EXPECT_NE(json.error().message.find("\"a\" appears twice"), std::string::npos);
  EXPECT_NE(ParseJson("[1,]").error().message.find("byte 4"), std::string::npos);
}

TEST(JsonInput, TheSameKeyMayStandInDifferentObjects) {
  EXPECT_TRUE(ParseJson(R"({"a":{"a":1,"b":{"a":2}},"b":[{"a":1},{"a":1}]})"));
  EXPECT_FALSE(ParseJson(R"({"b":[{"a":1},{"a":1,"a":2}]})"));
}

TEST(JsonInput, DepthIsBounded) {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(ParseJson(nested(kMaxJsonDepth)));
  EXPECT_FALSE(ParseJson(nested(kMaxJsonDepth + 1)));
}

// JSONTestSuite: y_ must be accepted, n_ refused, i_ may go either way.
TEST(JsonInput, AgreesWithTheTestSuite) {
  namespace fs = std::filesystem;
  const fs::path folder =
      fs::path(SLUICE_SOURCE_DIR) / ".." / "shared" / "data" / "hostile_json" / "test_parsing";
  if (!fs::exists(folder)) GTEST_SKIP() << "no " << folder;
  int accepted = 0, refused = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::ifstream in(entry.path(), std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    const auto json = ParseJson(text.str());
    const std::string name = entry.path().filename().string();
    // This server refuses repeated keys, which the suite allows.
    if (name.starts_with("y_") && name.find("duplicated_key") == std::string::npos) {
      EXPECT_TRUE(json) << name << ": " << json.error().message;
      ++accepted;
    }
    if (name.starts_with("n_")) {
      EXPECT_FALSE(json) << name;
      ++refused;
    }
  }
  EXPECT_GE(accepted, 90);
  EXPECT_GE(refused, 180);
}

}  // namespace
}  // namespace sluice::server
