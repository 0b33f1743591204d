// Answers as the models write them, whole and in pieces of every size.
#include "chat/answer_parser.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace sluice::chat {
namespace {

using Json = nlohmann::ordered_json;
using Kind = AnswerPiece::Kind;

const Json kTools = Json::parse(R"([
  {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {
     "city": {"type": "string"}, "days": {"type": "integer"}, "exact": {"type": "boolean"},
     "tags": {"type": "array"}, "zip": {"type": "string"}}}}},
  {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}])");

// Signs of each family's template, enough to tell it.
constexpr char kHermes[] = "<tool_call> </think>";
constexpr char kCoder[] = "<tool_call><function=";
constexpr char kGlm[] = "<tool_call><arg_key></think>";
constexpr char kMistralOld[] = "[TOOL_CALLS][";
constexpr char kMistral[] = "[TOOL_CALLS] [ARGS] [THINK]";
constexpr char kDeepSeek[] = "<｜tool▁calls▁begin｜></think>";
constexpr char kDsml[] = "｜DSML｜ function_calls </think>";
constexpr char kKimi[] = "<|tool_calls_section_begin|>";
constexpr char kMiniMax[] = "<minimax:tool_call><invoke name=</think>";
constexpr char kLlama[] =
    R"(<|start_header_id|> {"name": function name, "parameters": dictionary of argument name)";
constexpr char kPythonic[] = "[func_name1(params_name1=params_value1";
constexpr char kHarmony[] = "<|channel|><|message|>";

struct Parsed {
  std::string content, reasoning;
  std::vector<std::pair<std::string, std::string>> calls;  // name, arguments
  bool operator==(const Parsed&) const = default;
};

void PrintTo(const Parsed& parsed, std::ostream* out) {
  *out << "content '" << parsed.content << "' reasoning '" << parsed.reasoning << "'";
  for (const auto& [name, arguments] : parsed.calls) *out << " " << name << "(" << arguments << ")";
}

// Pushes `step` bytes at a time, but whole characters.
Parsed Parse(const char* sign, std::string_view answer, size_t step, bool in_reasoning, const Json& tools) {
  const AnswerSyntax syntax = DetectSyntax(sign);
  const auto parser = MakeAnswerParser(syntax, tools, in_reasoning);
  Parsed parsed;
  const auto take = [&](const std::vector<AnswerPiece>& pieces) {
    for (const AnswerPiece& piece : pieces) {
      EXPECT_FALSE(piece.text.empty());
      if (piece.kind == Kind::kContent) parsed.content += piece.text;
      if (piece.kind == Kind::kReasoning) parsed.reasoning += piece.text;
      if (piece.kind == Kind::kCallName) {
        EXPECT_EQ(piece.call, static_cast<int>(parsed.calls.size()));
        parsed.calls.emplace_back(piece.text, "");
      }
      if (piece.kind == Kind::kCallArguments) {
        ASSERT_EQ(piece.call + 1, static_cast<int>(parsed.calls.size()));
        parsed.calls.back().second += piece.text;
      }
    }
  };
  for (size_t at = 0; at < answer.size();) {
    size_t end = std::min(at + step, answer.size());
    while (end < answer.size() && (answer[end] & 0xc0) == 0x80) ++end;
    take(parser->Push(answer.substr(at, end - at)));
    at = end;
  }
  take(parser->Finish());
  return parsed;
}

void ExpectParsed(const char* sign, std::string_view answer, const Parsed& expected,
                  bool in_reasoning = false, const Json& tools = kTools) {
  for (const size_t step : {1, 2, 3, 5, 7, 16, 1 << 20})
    EXPECT_EQ(Parse(sign, answer, step, in_reasoning, tools), expected)
        << "in pieces of " << step << ": " << answer;
}

TEST(AnswerParser, CallsAsJsonBetweenMarks) {
  ExpectParsed(
      kHermes,
      "Let me look.\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"S\u00e3o Paulo\", "
      "\"note\": \"</tool_call> {\\\"\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"now\", \"arguments\": "
      "{}}\n</tool_call>",
      {"Let me look.",
       "",
       {{"get_weather", "{\"city\": \"S\u00e3o Paulo\", \"note\": \"</tool_call> {\\\"\"}"}, {"now", "{}"}}});
  // Members in another order, arguments as a string, none at all, more members.
  ExpectParsed(kHermes, R"(<tool_call>{"arguments": {"days": 2}, "name": "get_weather"}</tool_call>)",
               {"", "", {{"get_weather", R"({"days": 2})"}}});
  ExpectParsed(kHermes, R"(<tool_call>{"name":"now","arguments":"{\"a\": 1}"}</tool_call>)",
               {"", "", {{"now", R"({"a": 1})"}}});
  ExpectParsed(kHermes, R"(<tool_call>{"name":"now"}</tool_call>)", {"", "", {{"now", "{}"}}});
  ExpectParsed(kHermes,
               R"(<tool_call>{"id": [1, {"x": 2}], "name":"now", "parameters": {}, "z": 1}</tool_call>)",
               {"", "", {{"now", "{}"}}});
}

TEST(AnswerParser, BrokenCallsAreContent) {
  ExpectParsed(kHermes, "<tool_call>not json</tool_call> and on",
               {"<tool_call>not json</tool_call> and on", "", {}});
  ExpectParsed(kHermes, R"(<tool_call>{"nam": 1}</tool_call>)",
               {R"(<tool_call>{"nam": 1}</tool_call>)", "", {}});
  ExpectParsed(kHermes, R"(a <tool_call>{"name": "get_we)", {R"(a <tool_call>{"name": "get_we)", "", {}});
  ExpectParsed(kHermes, "ends in a half mark <tool_ca", {"ends in a half mark <tool_ca", "", {}});
  ExpectParsed(kHermes, "1 < 2 <tool> ", {"1 < 2 <tool> ", "", {}});
  // What is cut off behind the name stays a call, as far as it came.
  ExpectParsed(kHermes, R"(<tool_call>{"name": "now", "arguments": {"a": "b)",
               {"", "", {{"now", R"({"a": "b)"}}});
  // A broken one in front of a good one.
  ExpectParsed(kHermes, R"(<tool_call>x</tool_call><tool_call>{"name": "now", "arguments": {}}</tool_call>)",
               {"<tool_call>x</tool_call>", "", {{"now", "{}"}}});
}

TEST(AnswerParser, WithoutToolsMarksAreText) {
  const std::string text = R"(<tool_call>{"name": "now", "arguments": {}}</tool_call>)";
  ExpectParsed(kHermes, text, {text, "", {}}, false, nullptr);
}

TEST(AnswerParser, Reasoning) {
  ExpectParsed(kHermes, "<think>\nHm, 1 < 2.\n\nYes.\n</think>\n\nIt is.\n",
               {"It is.\n", "Hm, 1 < 2.\n\nYes.", {}});
  ExpectParsed(kHermes, "Hm.\n</think>\n\nIt is.", {"It is.", "Hm.", {}}, /*in_reasoning=*/true);
  ExpectParsed(kHermes, "\n<think>a</think>b", {"b", "a", {}});
  ExpectParsed(kHermes, "<think>\n\n</think>\n\nplain", {"plain", "", {}});
  ExpectParsed(kHermes, "<think>never ends", {"", "never ends", {}});
  ExpectParsed(kHermes, "I wrote <think> here </think>.", {"I wrote <think> here </think>.", "", {}});
  ExpectParsed(kHermes, "  plain \n", {"  plain \n", "", {}});
  ExpectParsed(kHermes, "<think>x</think>\n<tool_call>{\"name\": \"now\", \"arguments\": {}}</tool_call>",
               {"", "x", {{"now", "{}"}}});
  ExpectParsed(kMistral, "[THINK]so[/THINK]well", {"well", "so", {}});
}

TEST(AnswerParser, ParametersBetweenMarks) {
  ExpectParsed(
      kCoder,
      "I check.\n<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n"
      "<parameter=zip>\n075\n</parameter>\n<parameter=days>\n3\n</parameter>\n<parameter=exact>\nTrue\n"
      "</parameter>\n<parameter=tags>\n[\"a\", 1]\n</parameter>\n</function>\n</tool_call>",
      {"I check.",
       "",
       {{"get_weather", R"({"city": "Paris", "zip": "075", "days": 3, "exact": true, "tags": ["a",1]})"}}});
  ExpectParsed(kCoder,
               "<tool_call>\n<function=now>\n</function>\n</tool_call>\n<tool_call>\n<function=get_weather>\n"
               "<parameter=city>\nline one\n \"two\"\n</parameter>\n</function>\n</tool_call>",
               {"", "", {{"now", "{}"}, {"get_weather", "{\"city\": \"line one\\n \\\"two\\\"\"}"}}});
  // Without the outer mark.
  ExpectParsed(kCoder, "<function=now>\n</function>", {"", "", {{"now", "{}"}}});
  ExpectParsed(
      kGlm,
      "<think>ok</think>\n<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Beijing</arg_value>\n"
      "<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n</tool_call>\n<tool_call>now\n</tool_call>",
      {"", "ok", {{"get_weather", R"({"city": "Beijing", "days": 2})"}, {"now", "{}"}}});
  ExpectParsed(kGlm, "<tool_call>get_weather<arg_key>city</arg_key><arg_value>A</arg_value></tool_call>",
               {"", "", {{"get_weather", R"({"city": "A"})"}}});
  ExpectParsed(
      kMiniMax,
      "<minimax:tool_call>\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Rome</parameter>\n"
      "<parameter name=\"days\">1</parameter>\n</invoke>\n<invoke name=\"now\">\n</invoke>\n"
      "</minimax:tool_call>",
      {"", "", {{"get_weather", R"({"city": "Rome", "days": 1})"}, {"now", "{}"}}});
  ExpectParsed(
      kDsml,
      "<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"get_weather\">\n<｜DSML｜parameter name=\"city\" "
      "string=\"true\">12</｜DSML｜parameter>\n<｜DSML｜parameter name=\"days\" string=\"false\">12"
      "</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>",
      {"", "", {{"get_weather", R"({"city": "12", "days": 12})"}}});
}

TEST(AnswerParser, NamesInFrontOfArguments) {
  ExpectParsed(kMistral,
               R"([TOOL_CALLS]get_weather[ARGS]{"city": "Lyon"}[TOOL_CALLS]now[CALL_ID]123456789[ARGS]{})",
               {"", "", {{"get_weather", R"({"city": "Lyon"})"}, {"now", "{}"}}});
  ExpectParsed(
      kMistralOld,
      R"([TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Lyon"}}, {"name": "now", "arguments": {}}])",
      {"", "", {{"get_weather", R"({"city": "Lyon"})"}, {"now", "{}"}}});
  ExpectParsed(
      kDeepSeek,
      "</think>I look.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n"
      "{\"city\": "
      "\"Wuhan\"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>now\n```json\n{}"
      "\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
      {"I look.", "", {{"get_weather", "{\"city\": \"Wuhan\"}"}, {"now", "{}"}}}, /*in_reasoning=*/true);
  ExpectParsed(
      kDeepSeek,
      "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\": \"Wuhan\"}"
      "<｜tool▁call▁end｜><｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
      {"", "", {{"get_weather", "{\"city\": \"Wuhan\"}"}, {"now", "{}"}}});
  ExpectParsed(
      kKimi,
      "Fine.<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0"
      "<|tool_call_argument_begin|>{\"city\": \"Xi'an\"}<|tool_call_end|><|tool_call_begin|>functions.now:1"
      "<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
      {"Fine.", "", {{"get_weather", "{\"city\": \"Xi'an\"}"}, {"now", "{}"}}});
}

TEST(AnswerParser, CallsWithoutMarks) {
  ExpectParsed(kLlama, R"({"name": "get_weather", "parameters": {"city": "Austin"}})",
               {"", "", {{"get_weather", R"({"city": "Austin"})"}}});
  ExpectParsed(kLlama,
               R"(<|python_tag|>{"name": "now", "parameters": {}}; {"name": "now", "parameters": {}})",
               {"", "", {{"now", "{}"}, {"now", "{}"}}});
  const std::string other = R"({"name": "Ada", "parameters": "none"})";
  ExpectParsed(kLlama, other, {other, "", {}});
  ExpectParsed(kLlama, R"({"answer": 42})", {R"({"answer": 42})", "", {}});
  ExpectParsed(kLlama, R"(See {"name": "now"})", {R"(See {"name": "now"})", "", {}});
  ExpectParsed(kPythonic,
               R"([get_weather(city="L'Aquila", days=3, exact=True, tags=['x', {"y": None}]), now()])",
               {"",
                "",
                {{"get_weather", R"({"city":"L'Aquila","days":3,"exact":true,"tags":["x",{"y":null}]})"},
                 {"now", "{}"}}});
  ExpectParsed(kPythonic, "[1, 2, 3]", {"[1, 2, 3]", "", {}});
  ExpectParsed(kPythonic, "[get_weather(city=)]", {"[get_weather(city=)]", "", {}});
}

TEST(AnswerParser, Channels) {
  ExpectParsed(kHarmony,
               "<|channel|>analysis<|message|>User asks "
               "2+2.<|end|><|start|>assistant<|channel|>final<|message|>It is 4.",
               {"It is 4.", "User asks 2+2.", {}});
  ExpectParsed(kHarmony,
               "<|channel|>analysis<|message|>Need weather.<|end|><|start|>assistant<|channel|>commentary"
               "<|message|>I look.<|end|><|start|>assistant<|channel|>commentary to=functions.get_weather "
               "<|constrain|>json<|message|>{\"city\": \"Oslo\"}<|call|>",
               {"I look.", "Need weather.", {{"get_weather", "{\"city\": \"Oslo\"}"}}});
  ExpectParsed(kHarmony, "<|start|>assistant to=functions.now<|channel|>commentary json<|message|>",
               {"", "", {{"now", "{}"}}});
  ExpectParsed(kHarmony, "no header", {"no header", "", {}});
  ExpectParsed(kHarmony, "<|channel|>analysis<|message|>cut off <|en", {"", "cut off <|en", {}});
}

TEST(AnswerParser, NamesComeBeforeArgumentsAndMarksAreNeverHalf) {
  const AnswerSyntax syntax = DetectSyntax(kHermes);
  const auto parser = MakeAnswerParser(syntax, kTools, false);
  EXPECT_EQ(parser->Push("Well <tool"), (std::vector<AnswerPiece>{{Kind::kContent, "Well", -1}}));
  EXPECT_TRUE(parser->Push("_call>{\"name\": \"now").empty());
  EXPECT_EQ(parser->Push("\", \"arg"), (std::vector<AnswerPiece>{{Kind::kCallName, "now", 0}}));
  EXPECT_EQ(parser->Push("uments\": {\"a\""),
            (std::vector<AnswerPiece>{{Kind::kCallArguments, "{\"a\"", 0}}));
  EXPECT_EQ(parser->Push(": 1}}</tool_"), (std::vector<AnswerPiece>{{Kind::kCallArguments, ": 1}", 0}}));
  EXPECT_TRUE(parser->Push("call>").empty());
  EXPECT_TRUE(parser->Finish().empty());
}

TEST(AnswerParser, HostileAnswersEnd) {
  for (const char* sign : {kHermes, kCoder, kGlm, kMistralOld, kMistral, kDeepSeek, kDsml, kKimi, kMiniMax,
                           kLlama, kPythonic, kHarmony}) {
    const AnswerSyntax syntax = DetectSyntax(sign);
    for (const std::string& mark : syntax.Marks())
      for (const std::string& unit : {mark, mark + "{", mark + "[", "{\"name\":" + mark, mark + "\""}) {
        std::string text;
        for (int i = 0; i < 200; ++i) text += unit;
        Parse(sign, text, 11, false, kTools);
      }
  }
  Parse(kLlama, std::string(100000, '{'), 1 << 20, false, kTools);
  Parse(kPythonic, "[now(a=" + std::string(100000, '['), 1 << 20, false, kTools);
}

TEST(AnswerSyntax, PromptsThatEndInReasoning) {
  const AnswerSyntax syntax = DetectSyntax(kHermes);
  EXPECT_TRUE(EndsInReasoning(syntax, "<|im_start|>assistant\n<think>\n"));
  EXPECT_FALSE(EndsInReasoning(syntax, "<|im_start|>assistant\n<think>\n\n</think>\n\n"));
  EXPECT_FALSE(EndsInReasoning(syntax, "<|im_start|>assistant\n"));
  EXPECT_FALSE(EndsInReasoning(syntax, "put it into <think> please<|im_start|>assistant\n"));
}

// The published templates say which format their model writes.
TEST(AnswerSyntax, KnowsPublishedTemplates) {
  const std::filesystem::path folder =
      std::filesystem::path(SLUICE_SOURCE_DIR) / "../shared/data/templates_llamacpp/models/templates";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no " << folder;
  const auto detect = [&](const char* name) {
    std::ifstream in(folder / name, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    EXPECT_FALSE(text.str().empty()) << name;
    return DetectSyntax(text.str());
  };
  const struct {
    const char* name;
    CallBody body;
    const char* begin;
    const char* think_end;
  } kTemplates[] = {
      {"Qwen-Qwen3-0.6B.jinja", CallBody::kJson, "<tool_call>", "</think>"},
      {"Qwen-Qwen2.5-7B-Instruct.jinja", CallBody::kJson, "<tool_call>", ""},
      {"Qwen3-Coder.jinja", CallBody::kParameters, "<function=", ""},
      {"Qwen3.5-4B.jinja", CallBody::kParameters, "<function=", "</think>"},
      {"GLM-4.6.jinja", CallBody::kParameters, "<tool_call>", "</think>"},
      {"MiniMax-M2.jinja", CallBody::kParameters, "<invoke name=\"", "</think>"},
      {"deepseek-ai-DeepSeek-V3.1.jinja", CallBody::kNamed, "<｜tool▁call▁begin｜>", "</think>"},
      {"deepseek-ai-DeepSeek-V3.2.jinja", CallBody::kParameters, "<｜DSML｜invoke name=\"", "</think>"},
      {"Kimi-K2-Thinking.jinja", CallBody::kNamed, "<|tool_call_begin|>", "</think>"},
      {"mistralai-Mistral-Nemo-Instruct-2407.jinja", CallBody::kJson, "", ""},
      {"mistralai-Ministral-3-14B-Reasoning-2512.jinja", CallBody::kNamed, "[TOOL_CALLS]", "[/THINK]"},
      {"Mistral-Small-3.2-24B-Instruct-2506.jinja", CallBody::kNamed, "[TOOL_CALLS]", ""},
      {"meta-llama-Llama-3.1-8B-Instruct.jinja", CallBody::kJson, "", ""},
      {"meta-llama-Llama-3.2-3B-Instruct.jinja", CallBody::kJson, "", ""},
      {"google-gemma-2-2b-it.jinja", CallBody::kNone, "", ""},
      {"microsoft-Phi-3.5-mini-instruct.jinja", CallBody::kNone, "", ""},
  };
  for (const auto& known : kTemplates) {
    const AnswerSyntax syntax = detect(known.name);
    EXPECT_EQ(syntax.calls.body, known.body) << known.name;
    EXPECT_EQ(syntax.calls.begin, known.begin) << known.name;
    EXPECT_EQ(syntax.think_end, known.think_end) << known.name;
  }
  EXPECT_TRUE(detect("openai-gpt-oss-120b.jinja").channels);
}

}  // namespace
}  // namespace sluice::chat
