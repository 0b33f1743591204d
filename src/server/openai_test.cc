// The OpenAI routes, over the wire.
#include "server/server_fixture.h"

namespace sluice::server {
namespace {

using Json = nlohmann::ordered_json;

TEST_F(ServerTest, ChatAnswersWhole) {
  Start();
  const Json answer = Chat("").json();
  EXPECT_EQ(answer["object"], "chat.completion");
  EXPECT_EQ(answer["choices"][0]["message"]["content"], "Hello, w\xc3\xb6rld!");
  EXPECT_EQ(answer["choices"][0]["message"]["role"], "assistant");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(answer["usage"]["prompt_tokens"], 2);
  EXPECT_EQ(answer["usage"]["completion_tokens"], 15);  // 14 bytes and the end
  EXPECT_EQ(answer["usage"]["total_tokens"], 17);
}

TEST_F(ServerTest, ChatStreams) {
  Start();
  const TestResponse response = Chat(R"("stream":true,"stream_options":{"include_usage":true})");
  EXPECT_NE(response.head.find("text/event-stream"), std::string::npos);
  auto events = Events(response.body);
  ASSERT_GE(events.size(), 4u);
  EXPECT_EQ(events.back(), "[DONE]");
  events.pop_back();
  const Json usage = Json::parse(events.back());
  EXPECT_EQ(usage["choices"], Json::array());
  EXPECT_EQ(usage["usage"]["completion_tokens"], 15);
  events.pop_back();
  EXPECT_EQ(Json::parse(events.front())["choices"][0]["delta"]["role"], "assistant");
  std::string text;
  for (const std::string& event : events) {
    const Json chunk = Json::parse(event);  // every piece is whole UTF-8
    EXPECT_EQ(chunk["id"], usage["id"]);
    EXPECT_EQ(chunk["created"], usage["created"]);
    EXPECT_TRUE(chunk["usage"].is_null());
    text += chunk["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(text, "Hello, w\xc3\xb6rld!");
  EXPECT_EQ(Json::parse(events.back())["choices"][0]["finish_reason"], "stop");
}

TEST_F(ServerTest, TemplatesMakeThePrompt) {
  backend.bytes().template_text =
      "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if x %}{{ "
      "raise_exception('no x') }}{% endif %}";
  Start();
  EXPECT_EQ(
      Post(
          "/v1/chat/completions",
          R"({"messages":[{"role":"developer","content":"Be."},{"role":"user","content":[{"type":"text","text":"A"},{"type":"text","text":"B"}]}]})")
          .status,
      200);
  const auto prompt = backend.requests().at(0).prompt;
  EXPECT_EQ(backend.tokenizer().Decode(prompt, false), "<s>[system]Be.[user]A\nB");
  const TestResponse refused = Chat(R"("chat_template_kwargs":{"x":true})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.Error("message"), "no x");
}

TEST_F(ServerTest, StopStringsEndAnswersAcrossTokens) {
  Start();
  const Json answer = Complete(R"("stop":["zzz","o, w"])").json();
  EXPECT_EQ(answer["choices"][0]["text"], "Hell");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "stop");
  std::string text;
  auto events = Events(Complete(R"("stop":"\u00f6r","stream":true)").body);
  events.pop_back();
  for (const std::string& event : events) text += Json::parse(event)["choices"][0]["text"];
  EXPECT_EQ(text, "Hello, w");
  EXPECT_EQ(Json::parse(Complete(R"("stop":["lo, wx"])").body)["choices"][0]["text"], "Hello, w\xc3\xb6rld!");
}

TEST_F(ServerTest, LengthEchoAndSeveralAnswers) {
  Start();
  const Json answer = Complete(R"("max_tokens":5,"n":2,"echo":true)").json();
  ASSERT_EQ(answer["choices"].size(), 2u);
  EXPECT_EQ(answer["choices"][1]["index"], 1);
  EXPECT_EQ(answer["choices"][1]["text"], "HiHello");
  EXPECT_EQ(answer["choices"][1]["finish_reason"], "length");
  const auto requests = backend.requests();
  EXPECT_NE(requests[0].sampling.seed, requests[1].sampling.seed);
  EXPECT_EQ(Complete(R"("max_tokens":0,"echo":true)").json()["choices"][0]["text"], "Hi");
  const Json batch = Post("/v1/completions", R"({"prompt":[[72,105],[72]],"max_tokens":1})").json();
  EXPECT_EQ(batch["choices"].size(), 2u);
  EXPECT_EQ(batch["usage"]["prompt_tokens"], 3);
}

TEST_F(ServerTest, HalfACharacterIsNeverSent) {
  Start();
  const Json answer = Complete(R"("max_tokens":9)").json();  // ends inside the o with dots
  EXPECT_EQ(answer["choices"][0]["text"].get<std::string>().substr(0, 8), "Hello, w");
}

TEST_F(ServerTest, LogprobsOfBothApis) {
  Start();
  const Json chat =
      Chat(R"("logprobs":true,"top_logprobs":2,"max_tokens":3)").json()["choices"][0]["logprobs"]["content"];
  ASSERT_EQ(chat.size(), 3u);
  EXPECT_EQ(chat[0]["token"], "H");
  EXPECT_EQ(chat[0]["bytes"], Json::array({72}));
  EXPECT_EQ(chat[0]["logprob"], -0.5);
  EXPECT_EQ(chat[0]["top_logprobs"].size(), 2u);
  const Json plain = Complete(R"("logprobs":1,"max_tokens":3)").json()["choices"][0]["logprobs"];
  EXPECT_EQ(plain["tokens"], Json::array({"H", "e", "l"}));
  EXPECT_EQ(plain["text_offset"], Json::array({0, 1, 2}));
  EXPECT_EQ(plain["top_logprobs"][0], (Json{{"a", -1.0}}));
  auto events = Events(Complete(R"("logprobs":1,"max_tokens":3,"stream":true)").body);
  events.pop_back();
  std::vector<int> offsets;
  for (const std::string& event : events) {
    const Json chunk = Json::parse(event);
    for (const Json& offset : chunk["choices"][0]["logprobs"]["text_offset"]) offsets.push_back(offset);
  }
  EXPECT_EQ(offsets, (std::vector<int>{0, 1, 2}));
}

TEST_F(ServerTest, WholeNumbersAreIntegersHoweverTheyAreWritten) {
  Start();
  EXPECT_EQ(Chat(R"("seed":42.0,"max_tokens":3e0)").status, 200);
  const engine::Request request = backend.requests().at(0);
  EXPECT_EQ(request.sampling.seed, 42u);
  EXPECT_EQ(request.max_tokens, 3);
}

TEST_F(ServerTest, SamplingReachesTheEngine) {
  Start();
  EXPECT_EQ(
      Chat(
          R"("temperature":0.25,"top_p":0.5,"top_k":7,"min_p":0.1,"frequency_penalty":1,"presence_penalty":-1,"seed":42,"logit_bias":{"65":-100},"max_completion_tokens":3)")
          .status,
      200);
  const engine::Request request = backend.requests().at(0);
  EXPECT_EQ(request.sampling.temperature, 0.25f);
  EXPECT_EQ(request.sampling.top_p, 0.5f);
  EXPECT_EQ(request.sampling.top_k, 7);
  EXPECT_EQ(request.sampling.seed, 42u);
  EXPECT_EQ(request.sampling.logit_bias.at(0), std::make_pair(65, -100.0f));
  EXPECT_EQ(request.max_tokens, 3);
  EXPECT_EQ(request.stop_tokens, std::vector<int32_t>{ByteTokenizer::kEos});
}

TEST_F(ServerTest, AnAnswerMayGoOnPastItsEnd) {
  Start();
  EXPECT_EQ(Chat(R"("ignore_eos":true,"max_tokens":3)").status, 200);
  EXPECT_TRUE(backend.requests().at(0).stop_tokens.empty());
}

TEST_F(ServerTest, UnknownFieldsAreNamed) {
  Start();
  EXPECT_NE(Chat(R"("colour":"red","user":"u")").head.find("x-ignored-fields: colour\r\n"),
            std::string::npos);
}

struct BadCase {
  const char* members;
  const char* param;
};

TEST_F(ServerTest, WrongChatParametersAreNamed) {
  Start();
  const BadCase cases[] = {{R"("n":0)", "n"},
                           {R"("n":-1)", "n"},
                           {R"("n":1000000000)", "n"},
                           {R"("n":1.5)", "n"},
                           {R"("n":129.0)", "n"},
                           {R"("n":-1e300)", "n"},
                           {R"("temperature":-1)", "temperature"},
                           {R"("temperature":2.1)", "temperature"},
                           {R"("temperature":"0.7")", "temperature"},
                           {R"("top_p":0)", "top_p"},
                           {R"("top_p":-0.1)", "top_p"},
                           {R"("top_p":1.1)", "top_p"},
                           {R"("top_k":-5)", "top_k"},
                           {R"("max_tokens":-1)", "max_tokens"},
                           {R"("max_tokens":0)", "max_tokens"},
                           {R"("max_tokens":5,"max_completion_tokens":5)", "max_tokens"},
                           {R"("top_logprobs":21,"logprobs":true)", "top_logprobs"},
                           {R"("top_logprobs":2)", "top_logprobs"},
                           {R"("logit_bias":{"x":1})", "logit_bias"},
                           {R"("logit_bias":{"5":101})", "logit_bias"},
                           {R"("logit_bias":{"999":1})", "logit_bias"},
                           {R"("stop":["a","b","c","d","e"])", "stop"},
                           {R"("stop":"")", "stop"},
                           {R"("stop":[1])", "stop"},
                           {R"("seed":1.5)", "seed"},
                           {R"("frequency_penalty":2.1)", "frequency_penalty"},
                           {R"("presence_penalty":-2.1)", "presence_penalty"},
                           {R"("stream_options":{"include_usage":true})", "stream_options"},
                           {R"("stream":"yes")", "stream"},
                           {R"("response_format":{"type":"xml"})", "response_format"},
                           {R"("tool_choice":"auto")", "tool_choice"},
                           {R"("tools":[{"type":"function","function":{"name":"a b"}}])", "tools"}};
  for (const BadCase& test : cases) {
    const TestResponse response = Chat(test.members);
    EXPECT_EQ(response.status, 400) << test.members;
    EXPECT_EQ(response.Error("param"), test.param) << test.members << response.body;
  }
  EXPECT_EQ(Chat(R"("temperature":null,"n":null,"stop":null)").status, 200);
  const TestResponse model = Chat(R"("model":"gpt-7")");
  EXPECT_EQ(model.status, 404);
  EXPECT_EQ(model.Error("code"), "model_not_found");
}

TEST_F(ServerTest, WrongMessagesAreNamed) {
  Start();
  const std::pair<const char*, const char*> cases[] = {
      {R"([])", "messages"},
      {R"("x")", "messages"},
      {R"([1])", "messages[0]"},
      {R"([{"role":"robot","content":"x"}])", "messages[0].role"},
      {R"([{"role":"user","content":"x"},{"role":"tool","content":"x"}])", "messages[1].tool_call_id"},
      {R"([{"role":"user"}])", "messages[0].content"},
      {R"([{"role":"user","content":[]}])", "messages[0].content"},
      {R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://x"}}]}])",
       "messages[0].content"}};
  for (const auto& [messages, param] : cases) {
    const TestResponse response = Post("/v1/chat/completions", fmt::format(R"({{"messages":{}}})", messages));
    EXPECT_EQ(response.status, 400) << messages;
    EXPECT_EQ(response.Error("param"), param) << messages;
  }
  EXPECT_EQ(Post("/v1/chat/completions", "{}").Error("param"), "messages");
}

TEST_F(ServerTest, WrongCompletionParametersAreNamed) {
  Start();
  const BadCase cases[] = {{R"("logprobs":6)", "logprobs"},
                           {R"("max_tokens":0)", "max_tokens"},
                           {R"("n":2,"best_of":1)", "best_of"},
                           {R"("best_of":3,"stream":true)", "best_of"},
                           {R"("suffix":"x")", "suffix"}};
  for (const BadCase& test : cases)
    EXPECT_EQ(Complete(test.members).Error("param"), test.param) << test.members;
  for (const char* prompt : {R"("")", "[]", "[[]]", "[-1]", "[258]", "[1.5]", R"([1,"a"])", "7", "null"}) {
    const TestResponse response = Post("/v1/completions", fmt::format(R"({{"prompt":{}}})", prompt));
    EXPECT_EQ(response.status, 400) << prompt;
    EXPECT_EQ(response.Error("param"), "prompt") << prompt;
  }
}

TEST_F(ServerTest, TooLongPromptsSayByHowMuch) {
  Start();
  const TestResponse response = Post("/v1/completions", R"({"prompt":")" + std::string(300, 'x') + R"("})");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.Error("code"), "context_length_exceeded");
  EXPECT_NE(response.Error("message").find("200"), std::string::npos);
  EXPECT_NE(response.Error("message").find("300"), std::string::npos);
}

TEST_F(ServerTest, BadJsonIsRefused) {
  Start();
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += '[';
  for (const std::string& body :
       {std::string("{"), std::string("nul"), deep, std::string(R"({"n":1,"n":2})"),
        std::string("{\"user\":\"\xff\"}"), std::string(R"({"user":"\ud800"})"),
        std::string(R"({"seed":1e999})"), std::string(R"({"seed":18446744073709551616})"),
        R"({"seed":)" + std::string(1 << 20, '9') + "}", std::string("{} {}"), std::string("{\"a\":NaN}")}) {
    const TestResponse response = Post("/v1/completions", body);
    EXPECT_EQ(response.status, 400) << body.substr(0, 80);
    EXPECT_EQ(response.Error("code"), "invalid_json") << body.substr(0, 80);
  }
  EXPECT_EQ(Post("/v1/completions", "[]").status, 400);
}

TEST_F(ServerTest, FailuresInTheMiddleAreSeen) {
  backend.FailAfter(3);
  Start();
  EXPECT_EQ(Complete("").status, 500);
  TestClient client(port());
  client.Send(Request("POST", "/v1/completions", R"({"prompt":"Hi","stream":true})"));
  const std::string text = client.ReadAll();
  EXPECT_NE(text.find(R"(data: {"error":{"message":"the numbers went bad")"), std::string::npos);
  EXPECT_EQ(text.find("[DONE]"), std::string::npos);
  EXPECT_EQ(text.find("\r\n0\r\n"), std::string::npos);
}

TEST_F(ServerTest, AFullQueueAsksToComeBack) {
  backend.RefuseSubmit({ErrorCode::kTryLater, "1024 requests are waiting", {}});
  Start();
  const TestResponse response = Chat("");
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(response.Error("code"), "queue_full");
  EXPECT_NE(response.head.find("retry-after-ms"), std::string::npos);
}

// As lm-evaluation-harness reads it: the first token has no probability, the others theirs, the answer's
// last.
TEST_F(ServerTest, EchoedPromptsHaveLogprobs) {
  Start();
  const Json choice =
      Post("/v1/completions", R"({"prompt":[72,105,33],"max_tokens":1,"echo":true,"logprobs":1})")
          .json()["choices"][0];
  EXPECT_EQ(choice["text"], "Hi!H");
  const Json logprobs = choice["logprobs"];
  EXPECT_EQ(logprobs["tokens"], Json::parse(R"(["H","i","!","H"])"));
  EXPECT_EQ(logprobs["token_logprobs"], Json::parse("[null,-1.0,-1.0,-0.5]"));
  EXPECT_EQ(logprobs["top_logprobs"][0], nullptr);
  EXPECT_EQ(logprobs["top_logprobs"][1], Json::parse(R"({"z":-0.25})"));
  EXPECT_EQ(logprobs["text_offset"], Json::parse("[0,1,2,3]"));
  // The prompt alone.
  const Json alone = Complete(R"("max_tokens":0,"echo":true,"logprobs":0)").json();
  EXPECT_EQ(alone["choices"][0]["text"], "Hi");
  EXPECT_EQ(alone["choices"][0]["logprobs"]["token_logprobs"].size(), 2u);
  EXPECT_EQ(alone["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(alone["usage"]["completion_tokens"], 0);
  // Streamed, they come before the answer's.
  std::vector<double> streamed;
  for (const std::string& event :
       Events(Complete(R"("max_tokens":2,"echo":true,"logprobs":0,"stream":true)").body)) {
    if (event == "[DONE]") break;
    const Json one = Json::parse(event)["choices"][0]["logprobs"];
    if (!one.is_null())
      for (const Json& value : one["token_logprobs"])
        streamed.push_back(value.is_null() ? 1 : value.get<double>());
  }
  EXPECT_EQ(streamed, (std::vector<double>{1, -1, -0.5, -0.5}));
}

TEST_F(ServerTest, BestOfGivesTheLikeliest) {
  Start();
  const Json answer = Complete(R"("n":2,"best_of":3,"max_tokens":4)").json();
  ASSERT_EQ(answer["choices"].size(), 2u);
  EXPECT_EQ(answer["choices"][1]["index"], 1);
  EXPECT_EQ(answer["choices"][0]["logprobs"], nullptr);
  EXPECT_EQ(answer["usage"]["completion_tokens"], 12);
  EXPECT_EQ(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
}

TEST_F(ServerTest, ModelsWithAnEncoderTakeThePromptAsSource) {
  backend.ReadSources();
  Start();
  const TestResponse response = Post("/v1/completions", R"({"prompt":"ab","max_tokens":150})");
  ASSERT_EQ(response.status, 200) << response.body;
  const auto request = backend.requests().at(0);
  EXPECT_EQ(backend.tokenizer().Decode(request.source, false), "ab");
  EXPECT_TRUE(request.prompt.empty());
  EXPECT_EQ(response.json()["usage"]["prompt_tokens"], 2);
  // Source and answer do not share the context of 200.
  const std::string source(190, 'x');
  EXPECT_EQ(Post("/v1/completions", R"({"max_tokens":150,"prompt":")" + source + "\"}").status, 200);
  EXPECT_EQ(Post("/v1/completions", R"({"max_tokens":200,"prompt":"a"})").status, 400);
  EXPECT_EQ(Post("/v1/completions", R"({"max_tokens":1,"prompt":")" + source + source + "\"}").status, 400);
}

TEST_F(ServerTest, ModelsWithAnEncoderChatByATemplateOnly) {
  backend.ReadSources();
  Start();
  const TestResponse refused = Chat("");
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.body.find("/v1/completions"), std::string::npos) << refused.body;
}

}  // namespace
}  // namespace sluice::server
