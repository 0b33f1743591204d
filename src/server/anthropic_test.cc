// Anthropic's routes, over the wire.
#include "server/server_fixture.h"

namespace sluice::server {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kTemplate[] =
    "{% for m in messages %}[{{ m.role }}]{{ m.reasoning_content }}{{ m.content }}{% for c in m.tool_calls "
    "or [] %}"
    "<tool_call>{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}{% endfor %}"
    "{% if enable_thinking %}!{% endif %}{# </think> #}";
constexpr char kSaid[] =
    "<think>Hm.</think>I look.<tool_call>{\"name\": \"look\", \"arguments\": {\"at\": \"sea\"}}</tool_call>";
constexpr char kTools[] = R"("tools":[{"name":"look","description":"d","input_schema":{"type":"object"}}])";

class MessagesTest : public ServerTest {
 protected:
  void StartSaying(const char* text) {
    backend.bytes().template_text = kTemplate;
    backend.Say(text);
    Start();
  }
  TestResponse Ask(const std::string& members) {
    return Post("/v1/messages",
                R"({"model":"fake","max_tokens":190,"messages":[{"role":"user","content":"Hi"}])" +
                    (members.empty() ? "" : "," + members) + "}");
  }
  std::string Prompt() { return backend.tokenizer().Decode(backend.requests().back().prompt, false); }
};

TEST_F(MessagesTest, AnswersInBlocks) {
  StartSaying(kSaid);
  const Json answer = Ask(kTools).json();
  EXPECT_TRUE(answer["id"].get<std::string>().starts_with("msg_"));
  EXPECT_EQ(answer["type"], "message");
  EXPECT_EQ(answer["role"], "assistant");
  ASSERT_EQ(answer["content"].size(), 3u);
  EXPECT_EQ(answer["content"][0]["thinking"], "Hm.");
  EXPECT_EQ(answer["content"][1]["text"], "I look.");
  EXPECT_EQ(answer["content"][2]["type"], "tool_use");
  EXPECT_EQ(answer["content"][2]["name"], "look");
  EXPECT_EQ(answer["content"][2]["input"], Json::parse(R"({"at":"sea"})"));
  EXPECT_EQ(answer["stop_reason"], "tool_use");
  EXPECT_GT(answer["usage"]["input_tokens"], 0);
  EXPECT_GT(answer["usage"]["output_tokens"], 0);
}

TEST_F(MessagesTest, StreamsBlocksOneAfterAnother) {
  StartSaying(kSaid);
  const TestResponse response = Ask(std::string(R"("stream":true,)") + kTools);
  EXPECT_EQ(response.body.find("[DONE]"), std::string::npos);
  std::vector<std::string> types;
  std::string text, thinking, input;
  int64_t open = -1;
  for (const std::string& data : Events(response.body)) {
    const Json event = Json::parse(data);
    const std::string type = event["type"];
    EXPECT_NE(response.body.find("event: " + type + "\n"), std::string::npos);
    if (types.empty() || types.back() != type) types.push_back(type);
    if (type == "content_block_start") {
      EXPECT_EQ(event["index"], ++open);
    }
    if (type == "content_block_delta") {
      EXPECT_EQ(event["index"], open);
      text += event["delta"].value("text", "");
      thinking += event["delta"].value("thinking", "");
      input += event["delta"].value("partial_json", "");
    }
    if (type == "message_delta") {
      EXPECT_EQ(event["delta"]["stop_reason"], "tool_use");
      EXPECT_GT(event["usage"]["output_tokens"], 0);
    }
  }
  EXPECT_EQ(open, 2);
  EXPECT_EQ(text, "I look.");
  EXPECT_EQ(thinking, "Hm.");
  EXPECT_EQ(Json::parse(input), Json::parse(R"({"at":"sea"})"));
  const std::vector<std::string> block = {"content_block_start", "content_block_delta", "content_block_stop"};
  std::vector<std::string> expected = {"message_start"};
  for (int i = 0; i < 3; ++i) expected.insert(expected.end(), block.begin(), block.end());
  expected.insert(expected.end(), {"message_delta", "message_stop"});
  EXPECT_EQ(types, expected);
}

TEST_F(MessagesTest, StopReasons) {
  StartSaying("one two three");
  Json answer = Ask(R"("stop_sequences":["x"," thr"])").json();
  EXPECT_EQ(answer["content"][0]["text"], "one two");
  EXPECT_EQ(answer["stop_reason"], "stop_sequence");
  EXPECT_EQ(answer["stop_sequence"], " thr");
  answer = Ask("").json();
  EXPECT_EQ(answer["stop_reason"], "end_turn");
  EXPECT_EQ(answer["stop_sequence"], nullptr);
  EXPECT_EQ(Post("/v1/messages", R"({"max_tokens":3,"messages":[{"role":"user","content":"a"}]})")
                .json()["stop_reason"],
            "max_tokens");
}

TEST_F(MessagesTest, ConversationsReachTheTemplate) {
  StartSaying("fine");
  const std::string body =
      R"({"max_tokens":4,"system":[{"type":"text","text":"Be."}],"thinking":{"type":"enabled","budget_tokens":1024},"messages":[
      {"role":"user","content":"Hi"},
      {"role":"assistant","content":[{"type":"thinking","thinking":"T","signature":""},{"type":"text","text":"A"},{"type":"tool_use","id":"t1","name":"look","input":{"at":1}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"R"}]},{"type":"text","text":"U"}]}]})";
  ASSERT_EQ(Post("/v1/messages", body).status, 200);
  EXPECT_EQ(Prompt(), "[system]Be.[user]Hi[assistant]TA<tool_call>look{\"at\": 1}[tool]R[user]U!");
  const Json counted =
      Post("/v1/messages/count_tokens", R"({"messages":[{"role":"user","content":"Hi"}]})").json();
  EXPECT_EQ(counted["input_tokens"], 8);  // [user]Hi
}

TEST_F(MessagesTest, WrongRequestsAreRefusedAsTheClientReadsIt) {
  StartSaying("fine");
  const struct {
    const char* body;
    const char* param;
  } kCases[] = {
      {R"({"messages":[{"role":"user","content":"a"}]})", "max_tokens"},
      {R"({"max_tokens":5})", "messages"},
      {R"({"max_tokens":5,"messages":[{"role":"system","content":"a"}]})", "messages[0].role"},
      {R"({"max_tokens":5,"messages":[{"role":"user","content":[{"type":"image","source":{}}]}]})",
       "messages[0].content"},
      {R"({"max_tokens":5,"messages":[{"role":"user","content":7}]})", "messages[0].content"},
      {R"({"max_tokens":5,"system":7,"messages":[{"role":"user","content":"a"}]})", "system"},
      {R"({"max_tokens":5,"tools":[{"name":"x"}],"messages":[{"role":"user","content":"a"}]})", "tools"},
      {R"({"max_tokens":5,"thinking":{"type":"deep"},"messages":[{"role":"user","content":"a"}]})",
       "thinking"},
      {R"({"max_tokens":5,"tool_choice":{"type":"tool"},"messages":[{"role":"user","content":"a"}]})",
       "tool_choice"},
  };
  for (const auto& bad : kCases) {
    const TestResponse response = Post("/v1/messages", bad.body);
    EXPECT_EQ(response.status, 400) << bad.body;
    EXPECT_EQ(response.Error("param"), bad.param) << bad.body;
    EXPECT_EQ(response.json()["type"], "error");
  }
}

TEST_F(MessagesTest, FailuresInStreamsAreEvents) {
  backend.FailAfter(3);
  StartSaying("one two");
  const TestResponse response = Ask(R"("stream":true)");
  EXPECT_NE(response.body.find("event: error\n"), std::string::npos);
  EXPECT_EQ(response.body.find("message_stop"), std::string::npos);
}

}  // namespace
}  // namespace sluice::server
