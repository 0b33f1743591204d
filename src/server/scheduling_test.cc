// What a client may say about when and at what cost it is answered, and what it hears of it.
#include "server/server_fixture.h"

namespace sluice::server {
namespace {

using Json = nlohmann::ordered_json;

TEST_F(ServerTest, PriorityAndTimeoutReachTheEngine) {
  Start();
  ASSERT_EQ(Chat(R"("priority":-3,"timeout":2.5)").status, 200);
  ASSERT_EQ(Post("/v1/completions", R"({"prompt":"Hi","timeout":2.5})", "X-Request-Timeout: 7.25\r\n").status,
            200);
  ASSERT_EQ(Complete("").status, 200);
  const auto requests = backend.requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0].priority, -3);
  EXPECT_EQ(requests[0].seconds, 2.5);
  EXPECT_EQ(requests[1].seconds, 7.25) << "the header goes before the field";
  EXPECT_EQ(requests[1].priority, 0);
  EXPECT_EQ(requests[2].seconds, 0);
}

TEST_F(ServerTest, TimeoutsThatAreNoneAreRefused) {
  Start();
  for (const char* field : {R"("timeout":0)", R"("timeout":-1)", R"("timeout":"5")", R"("priority":0.5)"})
    EXPECT_EQ(Complete(field).status, 400) << field;
  for (const char* header : {"0", "-1", "nan", "inf", "5s", "", "1e300"}) {
    const auto response =
        Post("/v1/completions", R"({"prompt":"Hi"})", fmt::format("X-Request-Timeout: {}\r\n", header));
    EXPECT_EQ(response.status, 400) << header;
    EXPECT_NE(response.Error("message").find("x-request-timeout"), std::string::npos);
  }
  EXPECT_TRUE(backend.requests().empty());
}

TEST_F(ServerTest, AnAnswerOutOfTimeIsAnError) {
  backend.FailAfter(4, engine::Finish::kTimeout);
  Start();
  const auto whole = Chat("");
  EXPECT_EQ(whole.status, 504);
  EXPECT_EQ(whole.Error("type"), "timeout_error");
  EXPECT_EQ(whole.Error("code"), "request_timeout");
  EXPECT_NE(whole.head.find("x-should-retry: false"), std::string::npos) << whole.head;
  const auto events = Events(Chat(R"("stream":true)").body);
  ASSERT_GE(events.size(), 2u);
  EXPECT_EQ(Json::parse(events.back())["error"]["code"], "request_timeout");
}

TEST_F(ServerTest, AStuckEngineKeepsNobodyWaiting) {
  backend.Hold();
  Start();
  EXPECT_EQ(Chat(R"("timeout":0.01)").Error("code"), "request_timeout");
  const auto events = Events(Chat(R"("stream":true,"timeout":0.01)").body);
  EXPECT_EQ(Json::parse(events.back())["error"]["code"], "request_timeout");
  EXPECT_TRUE(backend.WaitForCancels(2));
  EXPECT_EQ(Get("/health").status, 200);
  backend.ComputeSince(ServiceOptions().stuck_after + 1);
  EXPECT_EQ(Get("/health").status, 503);
  EXPECT_EQ(Get("/ready").status, 503);
  backend.ComputeSince(ServiceOptions().stuck_after - 1);
  EXPECT_EQ(Get("/health").status, 200);
}

TEST_F(ServerTest, UsageSaysWhatWasKnownOfThePrompt) {
  backend.KnowPrompts(1);
  Start();
  const auto chat = Chat("").json()["usage"];
  EXPECT_EQ(chat["prompt_tokens_details"]["cached_tokens"], 1);
  const auto many = Complete(R"("n":3)").json()["usage"];
  EXPECT_EQ(many["prompt_tokens"], 2);
  EXPECT_EQ(many["prompt_tokens_details"]["cached_tokens"], 1) << "a prompt counts once";
  const auto response = Post("/v1/responses", R"({"input":"Hi"})").json()["usage"];
  EXPECT_EQ(response["input_tokens_details"]["cached_tokens"], 1);
  const auto message =
      Post("/v1/messages", R"({"max_tokens":20,"messages":[{"role":"user","content":"Hi"}]})")
          .json()["usage"];
  EXPECT_EQ(message["cache_read_input_tokens"], 1);
  EXPECT_EQ(message["input_tokens"], chat["prompt_tokens"].get<int>() - 1) << "Anthropic counts them apart";
  const auto events = Events(Complete(R"("stream":true,"stream_options":{"include_usage":true})").body);
  EXPECT_EQ(Json::parse(events.at(events.size() - 2))["usage"]["prompt_tokens_details"]["cached_tokens"], 1);
}

}  // namespace
}  // namespace sluice::server
