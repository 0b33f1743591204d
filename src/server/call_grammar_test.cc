// Forced calls: whatever a model writes within them, the parser of its format reads calls that fit the
// schema.
#include "server/call_grammar.h"

#include <gtest/gtest.h>

#include <random>

#include "chat/answer_parser.h"
#include "constrain/matcher.h"
#include "constrain/toy_vocabulary.h"
#include "server/answer_grammar.h"

namespace sluice::server {
namespace {

using Json = nlohmann::ordered_json;

const Json kTools = Json::parse(R"([
  {"type": "function", "function": {"name": "get_weather", "strict": true, "parameters": {"type": "object",
    "properties": {"city": {"enum": ["Paris", "Rome"]}, "days": {"type": "integer", "minimum": 1, "maximum": 9},
      "note": {"type": "string"}}, "required": ["city", "days"], "additionalProperties": false}}},
  {"type": "function", "function": {"name": "stop"}}])");

struct Called {
  std::string name, arguments;
};

std::vector<Called> Parse(const AnswerReading& reading, const std::string& text, std::string* content) {
  std::vector<Called> calls;
  const auto parser = chat::MakeAnswerParser(reading.syntax, reading.tools, reading.in_reasoning);
  auto pieces = parser->Push(text);
  for (auto& piece : parser->Finish()) pieces.push_back(std::move(piece));
  using Kind = chat::AnswerPiece::Kind;
  for (const auto& piece : pieces) {
    if (piece.kind == Kind::kContent) *content += piece.text;
    if (piece.kind == Kind::kCallName) calls.push_back({piece.text, ""});
    if (piece.kind == Kind::kCallArguments) calls.back().arguments += piece.text;
  }
  return calls;
}

// Texts that give each of the formats away.
const std::vector<std::string> kTemplates = {
    "<tool_call>",
    "<tool_call> <arg_key>",
    "<tool_call> <function=",
    "<minimax:tool_call> <invoke name=",
    "<｜DSML｜ function_calls",
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁calls▁begin｜> ```json",
    "<|tool_calls_section_begin|>",
    "[TOOL_CALLS] [ARGS]",
    "[TOOL_CALLS]",
    "<|tool_call_start|>",
    "<|tool_call|>",
    "\"parameters\": dictionary of argument name <|start_header_id|>",
    "func_name1(params_name1=params_value1",
    "<|python_start|>",
    "<|channel|><|message|>"};

class ForcedCallsTest : public ::testing::TestWithParam<std::string> {};

// Walks where letters are rare, so that free text ends.
std::string Walk(constrain::Matcher& matcher, const constrain::ToyTokenizer& toy, std::mt19937& random) {
  std::string text;
  for (int step = 0; step < 3000; ++step) {
    const auto ids = constrain::Ids(**matcher.Allowed(), toy.vocab_size());
    if (ids.empty()) return {};
    std::vector<int32_t> plain;
    for (const int32_t id : ids)
      if (ids.size() < 20 ||
          (id < 256 &&
           (std::string_view("abc<>/\n\"}],:1").find(static_cast<char>(id)) != std::string_view::npos)) ||
          id == toy.end_tokens()[0])
        plain.push_back(id);
    const auto& from = plain.empty() ? ids : plain;
    // Free text ends when its mark has come; a long walk helps it along.
    const int32_t id = from[random() % from.size()];
    if (!matcher.Accept(id)) return {};
    if (id == toy.end_tokens()[0]) return text;
    text += toy.TokenBytes(id);
    if (const size_t open = text.rfind("note"); open != std::string::npos && text.size() > open + 40)
      return "cut";
  }
  return "cut";
}

TEST_P(ForcedCallsTest, AreReadByTheirParser) {
  const constrain::ToyTokenizer toy;
  AnswerReading reading;
  reading.syntax = chat::DetectSyntax(GetParam());
  reading.tools = kTools;
  AnswerGrammars grammars(toy);
  const AnswerForm free;
  for (const bool parallel : {true, false}) {
    reading.parallel_calls = parallel;
    const auto grammar = grammars.For({free, &reading, {.mode = ToolChoice::Mode::kRequired}});
    ASSERT_TRUE(grammar) << GetParam() << ": " << grammar.error().message;
    std::mt19937 random(11);
    int read = 0;
    for (int walk = 0; walk < 200; ++walk) {
      constrain::Matcher matcher(*grammar);
      const std::string text = Walk(matcher, toy, random);
      ASSERT_FALSE(text.empty()) << GetParam();
      if (text == "cut") continue;
      ++read;
      std::string content;
      const auto calls = Parse(reading, text, &content);
      ASSERT_FALSE(calls.empty()) << GetParam() << " gave " << text;
      EXPECT_TRUE(parallel || calls.size() == 1) << text;
      EXPECT_EQ(content.find_first_not_of(" \n"), std::string::npos) << text << " left " << content;
      for (const Called& call : calls) {
        const Json arguments = Json::parse(call.arguments, nullptr, false);
        ASSERT_TRUE(arguments.is_object()) << GetParam() << " gave " << text << " read as " << call.arguments;
        if (call.name == "stop") continue;
        ASSERT_EQ(call.name, "get_weather") << text;
        EXPECT_TRUE(arguments.value("city", Json()) == "Paris" || arguments["city"] == "Rome") << text;
        EXPECT_TRUE(arguments["days"].is_number_integer() && arguments["days"] >= 1 && arguments["days"] <= 9)
            << text;
        EXPECT_TRUE(!arguments.contains("note") || arguments["note"].is_string()) << text;
      }
    }
    EXPECT_GT(read, 20) << GetParam();
  }
}

TEST_P(ForcedCallsTest, OfOneToolByName) {
  const constrain::ToyTokenizer toy;
  AnswerReading reading;
  reading.syntax = chat::DetectSyntax(GetParam());
  reading.tools = kTools;
  AnswerGrammars grammars(toy);
  const auto grammar = grammars.For({AnswerForm(), &reading, {ToolChoice::Mode::kNamed, "stop"}});
  ASSERT_TRUE(grammar) << grammar.error().message;
  std::mt19937 random(1);
  constrain::Matcher matcher(*grammar);
  const std::string text = Walk(matcher, toy, random);
  std::string content;
  const auto calls = Parse(reading, text, &content);
  ASSERT_FALSE(calls.empty()) << text;
  for (const Called& call : calls) EXPECT_EQ(call.name, "stop");
}

INSTANTIATE_TEST_SUITE_P(Formats, ForcedCallsTest, ::testing::ValuesIn(kTemplates));

TEST(ForcedCalls, NeedAFormatAndSchemasThatCanBeKept) {
  const constrain::ToyTokenizer toy;
  AnswerGrammars grammars(toy);
  AnswerReading reading;
  reading.tools = kTools;
  const ToolChoice required{.mode = ToolChoice::Mode::kRequired};
  EXPECT_FALSE(grammars.For({AnswerForm(), &reading, required}));
  EXPECT_FALSE(grammars.For({AnswerForm(), nullptr, required}));
  reading.syntax = chat::DetectSyntax("<tool_call>");
  reading.tools[0]["function"]["parameters"]["not"] = Json::object();
  const auto refused = grammars.For({AnswerForm(), &reading, required});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("'get_weather'"), std::string::npos);
  reading.tools[0]["function"]["strict"] = false;
  EXPECT_TRUE(grammars.For({AnswerForm(), &reading, required}));
}

}  // namespace
}  // namespace sluice::server
