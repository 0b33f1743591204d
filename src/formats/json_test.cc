#include "formats/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sluice::formats {
namespace {

using nlohmann::json;

MappedFile File(std::string text) { return MappedFile::FromOwned(std::move(text), "test.json"); }

TEST(Json, ReadsAValue) {
  const auto value = ParseJson(File(R"({"a":[1,2.5,"x",null],"b":{"a":true}})"));
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ((*value)["a"][1], 2.5);
  EXPECT_EQ((*value)["b"]["a"], true);
}

TEST(Json, RefusesWithTheOffset) {
  for (const std::string& text : {std::string(), std::string("{"), std::string("[1,]"), std::string("{} x"),
                                  std::string("\"\xff\""), std::string("1e999")}) {
    const auto value = ParseJson(File(text));
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().code, ErrorCode::kBadFile);
    EXPECT_TRUE(value.error().message.starts_with("test.json: offset ")) << value.error().message;
    EXPECT_EQ(value.error().message.find("json.exception"), std::string::npos) << value.error().message;
  }
  EXPECT_TRUE(ParseJson(File("[1,]")).error().message.starts_with("test.json: offset 4: JSON: parse error"));
}

TEST(Json, BoundsTheDepth) {
  const auto nested = [](int depth, const std::string& open, const std::string& close) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += open;
    text += "1";
    for (int i = 0; i < depth; ++i) text += close;
    return File(text);
  };
  EXPECT_TRUE(ParseJson(nested(kMaxJsonDepth, "[", "]")));
  EXPECT_TRUE(ParseJson(nested(kMaxJsonDepth, "{\"a\":", "}")));
  for (const int depth : {kMaxJsonDepth + 1, 10000, 1000000}) {
    const auto value = ParseJson(nested(depth, "[", "]"));
    ASSERT_FALSE(value);
    EXPECT_NE(value.error().message.find("levels deep"), std::string::npos) << value.error().message;
    EXPECT_FALSE(ParseJson(nested(depth, "{\"a\":", "}")));
  }
}

TEST(Json, RefusesDuplicateKeysOfOneObjectOnly) {
  EXPECT_TRUE(ParseJson(File(R"([{"a":1},{"a":{"a":2}},{"b":{"a":1},"c":{"a":1}}])")));
  for (const char* text : {R"({"a":1,"a":1})", R"([[{"x":{"a":1,"b":{"a":1},"a":2}}]])"}) {
    const auto value = ParseJson(File(text));
    ASSERT_FALSE(value) << text;
    EXPECT_NE(value.error().message.find("\"a\" appears twice"), std::string::npos) << value.error().message;
  }
}

TEST(Json, ReadsPythonNumbersAsNull) {
  const auto value =
      ParseJson(File(R"({"a":[0.0,Infinity,-Infinity,NaN],"NaN":"Infinity \" NaN \\","b":1})"));
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ((*value)["a"], json::parse("[0.0,null,null,null]"));
  EXPECT_EQ((*value)["NaN"], "Infinity \" NaN \\");
  EXPECT_FALSE(ParseJson(File("[Infinit]")));
}

}  // namespace
}  // namespace sluice::formats
