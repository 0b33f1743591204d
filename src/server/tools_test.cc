// Tools and reasoning in chat, over the wire.
#include "server/server_fixture.h"

namespace sluice::server {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kTemplate[] =
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>{{ "
    "c.function.arguments | tojson }}{% endfor %}{% endfor %}{% if tools %}({{ tools[0].function.name }}){% "
    "endif %}"
    "{% if enable_thinking %}<think>\n{% endif %}{# </think> #}";
constexpr char kTools[] =
    R"("tools":[{"type":"function","function":{"name":"look","parameters":{"type":"object"}}}])";
constexpr char kCalls[] =
    "<think>\nHm.\n</think>\n\nI look.\n<tool_call>\n{\"name\": \"look\", \"arguments\": {\"at\": "
    "\"w\xc3\xb6rld\"}}\n"
    "</tool_call>\n<tool_call>\n{\"name\": \"look\", \"arguments\": {}}\n</tool_call>";

class ToolsTest : public ServerTest {
 protected:
  void StartSaying(const char* text) {
    backend.bytes().template_text = kTemplate;
    backend.Say(text);
    Start();
  }
  Json Message(const std::string& members) { return Chat(members).json()["choices"][0]["message"]; }
};

TEST_F(ToolsTest, CallsInWholeAnswers) {
  StartSaying(kCalls);
  const Json choice = Chat(kTools).json()["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "tool_calls");
  const Json message = choice["message"];
  EXPECT_EQ(message["content"], "I look.");
  EXPECT_EQ(message["reasoning_content"], "Hm.");
  ASSERT_EQ(message["tool_calls"].size(), 2u);
  EXPECT_EQ(message["tool_calls"][0]["type"], "function");
  EXPECT_EQ(message["tool_calls"][0]["function"]["name"], "look");
  EXPECT_EQ(message["tool_calls"][0]["function"]["arguments"], "{\"at\": \"w\xc3\xb6rld\"}");
  EXPECT_FALSE(message["tool_calls"][0].contains("index"));
  EXPECT_NE(message["tool_calls"][0]["id"], message["tool_calls"][1]["id"]);
}

TEST_F(ToolsTest, CallsInStreams) {
  StartSaying(kCalls);
  auto events = Events(Chat(std::string(R"("stream":true,)") + kTools).body);
  ASSERT_EQ(events.back(), "[DONE]");
  events.pop_back();
  std::string content, reasoning, finish;
  std::vector<std::string> names, arguments;
  for (const std::string& event : events) {
    const Json choice = Json::parse(event)["choices"][0], delta = choice["delta"];
    content += delta.value("content", "");
    reasoning += delta.value("reasoning_content", "");
    for (const Json& call : delta.value("tool_calls", Json::array())) {
      if (call["function"].contains("name")) {
        EXPECT_TRUE(call["id"].get<std::string>().starts_with("call_"));
        EXPECT_EQ(call["index"], names.size());
        names.push_back(call["function"]["name"]);
        arguments.emplace_back();
      }
      EXPECT_EQ(call["index"], names.size() - 1);
      arguments.back() += call["function"]["arguments"];
    }
    if (choice["finish_reason"].is_string()) finish = choice["finish_reason"];
  }
  EXPECT_EQ(content, "I look.");
  EXPECT_EQ(reasoning, "Hm.");
  EXPECT_EQ(names, (std::vector<std::string>{"look", "look"}));
  EXPECT_EQ(arguments, (std::vector<std::string>{"{\"at\": \"w\xc3\xb6rld\"}", "{}"}));
  EXPECT_EQ(finish, "tool_calls");
}

TEST_F(ToolsTest, OnlyWhatIsAskedFor) {
  StartSaying(kCalls);
  EXPECT_EQ(Message(std::string(R"("parallel_tool_calls":false,)") + kTools)["tool_calls"].size(), 1u);
  EXPECT_FALSE(Message(R"("include_reasoning":false)").contains("reasoning_content"));
  // Without tools, or where none may be called, what looks like a call is text and the template sees none.
  const Json none = Message(std::string(R"("tool_choice":"none",)") + kTools);
  EXPECT_FALSE(none.contains("tool_calls"));
  EXPECT_NE(none["content"].get<std::string>().find("<tool_call>"), std::string::npos);
  EXPECT_EQ(backend.tokenizer().Decode(backend.requests().back().prompt, false).find("(look)"),
            std::string::npos);
}

TEST_F(ToolsTest, AnAnswerThatIsCutOffKeepsItsReason) {
  StartSaying(kCalls);
  const Json choice = Chat(std::string(R"("max_tokens":90,)") + kTools).json()["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "length");
  ASSERT_EQ(choice["message"]["tool_calls"].size(), 1u);
  EXPECT_EQ(choice["message"]["tool_calls"][0]["function"]["name"], "look");
}

TEST_F(ToolsTest, ReasoningThatThePromptBegan) {
  StartSaying("so\n</think>\nwell");
  const Json message = Message(R"("chat_template_kwargs":{"enable_thinking":true})");
  EXPECT_EQ(message["reasoning_content"], "so");
  EXPECT_EQ(message["content"], "well");
}

TEST_F(ToolsTest, PastCallsReachTheTemplateAsItWantsThem) {
  StartSaying("fine");
  const std::string body =
      R"({"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"look","arguments":"{\"at\":1}"}}]},{"role":"tool","tool_call_id":"a","content":"yes"}],"tools":null})";
  ASSERT_EQ(Post("/v1/chat/completions", body).status, 200);
  EXPECT_EQ(backend.tokenizer().Decode(backend.requests().back().prompt, false),
            "[user]Hi[assistant]<tool_call>{\"at\": 1}[tool]yes");
}

TEST_F(ToolsTest, BadToolsAreRefused) {
  StartSaying("fine");
  const struct {
    std::string members;
    const char* param;
  } kCases[] = {
      {R"("tools":{})", "tools"},
      {R"("tools":[{"type":"function"}])", "tools"},
      {R"("tools":[{"type":"function","function":{"name":"a b"}}])", "tools"},
      {R"("tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"a"}}])",
       "tools"},
      {R"("tool_choice":"auto")", "tool_choice"},
      {std::string(R"("tool_choice":"sometimes",)") + kTools, "tool_choice"},
      {std::string(R"("tool_choice":{"type":"function","function":{"name":"other"}},)") + kTools,
       "tool_choice"},
      {std::string(R"("parallel_tool_calls":1,)") + kTools, "parallel_tool_calls"},
  };
  for (const auto& bad : kCases) {
    const TestResponse response = Chat(bad.members);
    EXPECT_EQ(response.status, 400) << bad.members;
    EXPECT_EQ(response.Error("param"), bad.param) << bad.members;
  }
}

}  // namespace
}  // namespace sluice::server
