// OpenAI's responses route, over the wire.
#include "server/server_fixture.h"

namespace sluice::server {
namespace {

using Json = nlohmann::ordered_json;

class ResponsesTest : public ServerTest {
 protected:
  void StartSaying(const char* text) {
    backend.bytes().template_text =
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>{{ "
        "c.function.arguments | tojson }}{% endfor %}{% endfor %}{# </think> #}";
    backend.Say(text);
    Start();
  }
  TestResponse Ask(const std::string& members) {
    return Post("/v1/responses", R"({"model":"fake",)" + members + "}");
  }
};

constexpr char kTools[] = R"("tools":[{"type":"function","name":"look","parameters":{"type":"object"}}])";
constexpr char kSaid[] =
    "<think>Hm.</think>I look.<tool_call>{\"name\": \"look\", \"arguments\": {\"a\": 1}}</tool_call>";

TEST_F(ResponsesTest, AnswersInItems) {
  StartSaying(kSaid);
  const Json answer = Ask(std::string(R"("input":"Hi","instructions":"Be.",)") + kTools).json();
  EXPECT_EQ(answer["object"], "response");
  EXPECT_EQ(answer["status"], "completed");
  ASSERT_EQ(answer["output"].size(), 3u);
  EXPECT_EQ(answer["output"][0]["content"][0]["text"], "Hm.");
  EXPECT_EQ(answer["output"][1]["content"][0]["text"], "I look.");
  EXPECT_EQ(answer["output"][2]["type"], "function_call");
  EXPECT_EQ(answer["output"][2]["name"], "look");
  EXPECT_EQ(answer["output"][2]["arguments"], "{\"a\": 1}");
  EXPECT_EQ(answer["instructions"], "Be.");
  EXPECT_GT(answer["usage"]["output_tokens"], 0);
  const Json cut = Ask(R"("input":"Hi","max_output_tokens":3)").json();
  EXPECT_EQ(cut["status"], "incomplete");
  EXPECT_EQ(cut["incomplete_details"]["reason"], "max_output_tokens");
}

TEST_F(ResponsesTest, RepeatsWhatWasAsked) {
  StartSaying("{}");
  const Json plain = Ask(std::string(R"("input":"Hi",)") + kTools).json();
  EXPECT_EQ(plain["text"], Json::parse(R"({"format":{"type":"text"}})"));
  EXPECT_TRUE(plain["tools"][0]["strict"].is_null());
  EXPECT_EQ(plain["tools"][0]["parameters"]["type"], "object");
  EXPECT_EQ(plain["usage"]["input_tokens_details"]["cache_write_tokens"], 0);
  const Json strict = Ask(R"("input":"Hi","text":{"format":{"type":"json_object"},"verbosity":"low"},
                            "tools":[{"type":"function","name":"look","strict":true}])")
                          .json();
  EXPECT_EQ(strict["text"], Json::parse(R"({"format":{"type":"json_object"},"verbosity":"low"})"));
  EXPECT_EQ(strict["tools"][0]["strict"], true);
  EXPECT_TRUE(strict["tools"][0]["parameters"].is_null());
}

TEST_F(ResponsesTest, StreamsItems) {
  StartSaying(kSaid);
  const TestResponse response = Ask(std::string(R"("input":"Hi","stream":true,)") + kTools);
  std::vector<std::string> types;
  std::string text, arguments;
  Json last;
  int64_t sequence = 0;
  for (const std::string& data : Events(response.body)) {
    if (data == "[DONE]") break;
    last = Json::parse(data);
    EXPECT_EQ(last["sequence_number"], sequence++);
    const std::string type = last["type"];
    if (types.empty() || types.back() != type) types.push_back(type);
    if (type == "response.output_text.delta") text += last["delta"];
    if (type == "response.function_call_arguments.delta") arguments += last["delta"];
  }
  EXPECT_EQ(text, "I look.");
  EXPECT_EQ(arguments, "{\"a\": 1}");
  EXPECT_EQ(types.front(), "response.created");
  EXPECT_EQ(types.back(), "response.completed");
  EXPECT_EQ(types[1], "response.in_progress");
  EXPECT_EQ(types[2], "response.output_item.added");
  EXPECT_EQ(types[3], "response.content_part.added");
  ASSERT_EQ(last["response"]["output"].size(), 3u);
  EXPECT_EQ(last["response"]["output"][1]["content"][0]["text"], "I look.");
  EXPECT_EQ(last["response"]["output"][2]["arguments"], "{\"a\": 1}");
  EXPECT_GT(last["response"]["usage"]["total_tokens"], 0);
}

TEST_F(ResponsesTest, ItemsReachTheTemplate) {
  StartSaying("fine");
  ASSERT_EQ(Ask(R"("input":[{"role":"user","content":[{"type":"input_text","text":"Hi"}]},
                  {"type":"function_call","call_id":"c","name":"look","arguments":"{\"at\":1}"},
                  {"type":"function_call_output","call_id":"c","output":"R"}])")
                .status,
            200);
  EXPECT_EQ(backend.tokenizer().Decode(backend.requests().back().prompt, false),
            "[user]Hi[assistant]<tool_call>{\"at\": 1}[tool]R");
}

TEST_F(ResponsesTest, WrongRequestsAreRefused) {
  StartSaying("fine");
  const struct {
    const char* members;
    const char* param;
  } kCases[] = {
      {R"("input":[])", "input"},
      {R"("input":[{"role":"robot","content":"x"}])", "input[0]"},
      {R"("input":[{"role":"user","content":[{"type":"input_image"}]}])", "input[0]"},
      {R"("input":"a","previous_response_id":"resp_1")", "previous_response_id"},
      {R"("input":"a","background":true)", "background"},
      {R"("input":"a","tools":[{"type":"web_search"}])", "tools"},
      {R"("input":"a","text":{"format":"json"})", "text.format"},
      {R"("input":"a","text":[])", "text"},
      {R"("input":"a","metadata":[])", "metadata"},
      {R"("input":"a","metadata":{"a":1})", "metadata"},
      {R"("input":"a","reasoning":"low")", "reasoning"},
      {R"("input":"a","reasoning":{"effort":1})", "reasoning.effort"},
  };
  for (const auto& bad : kCases) {
    const TestResponse response = Ask(bad.members);
    EXPECT_EQ(response.status, 400) << bad.members;
    EXPECT_EQ(response.Error("param"), bad.param) << bad.members;
  }
}

}  // namespace
}  // namespace sluice::server
