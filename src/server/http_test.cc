// What the server does with HTTP, well-formed and not.
#include "server/http.h"

#include <deque>

#include "server/server_fixture.h"

namespace sluice::server {
namespace {

TEST_F(ServerTest, HealthAndModels) {
  Start();
  EXPECT_EQ(Get("/health").status, 200);
  const TestResponse models = Get("/v1/models");
  EXPECT_EQ(models.json()["data"][0]["id"], "fake");
  EXPECT_EQ(Get("/v1/models/fake").json()["object"], "model");
  EXPECT_EQ(Get("/v1/models/other").Error("code"), "model_not_found");
  EXPECT_EQ(Get("/v1/models/").status, 404);
  EXPECT_NE(models.head.find("x-request-id: req_"), std::string::npos);
}

TEST_F(ServerTest, UnknownPathsMethodsAndTypes) {
  Start();
  const TestResponse missing = Get("/nothing");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.json()["error"].size(), 4u);
  EXPECT_EQ(missing.Error("type"), "invalid_request_error");
  const TestResponse method = Raw(Request("DELETE", "/v1/completions"));
  EXPECT_EQ(method.status, 405);
  EXPECT_NE(method.head.find("Allow: POST"), std::string::npos);
  EXPECT_EQ(Raw("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: "
                "2\r\n\r\n{}")
                .status,
            415);
  EXPECT_EQ(Post("/v1/completions", "{}", "Content-Encoding: gzip\r\n").status, 415);
  EXPECT_EQ(Get("/%00").status, 400);
  EXPECT_EQ(Get("/..%2f..%2fetc/passwd").status, 404);
}

TEST_F(ServerTest, MalformedHeadsAreRefused) {
  Start();
  const std::string start = "GET /health HTTP/1.1\r\nHost: localhost\r\n";
  EXPECT_EQ(Raw("GET /health HTTP/1.1\nHost: localhost\n\n").status, 400);  // bare LF
  EXPECT_EQ(Raw(start + "X-A: b\r\n folded\r\n\r\n").status, 400);          // obs-fold
  EXPECT_EQ(Raw(start + "Bad Name: b\r\n\r\n").status, 400);
  EXPECT_EQ(Raw(start + std::string("X: a\0b\r\n\r\n", 10)).status, 400);
  EXPECT_EQ(Raw(start + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}").status, 400);
  EXPECT_EQ(Raw(start + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").status, 400);
  EXPECT_EQ(Raw(start + "Transfer-Encoding: gzip, chunked\r\n\r\n").status, 400);
  EXPECT_EQ(Raw(start + "Content-Length: -1\r\n\r\n").status, 400);
  EXPECT_EQ(Raw("garbage\r\n\r\n").status, 400);
  EXPECT_EQ(Raw("GET /health HTTP/3.0\r\n\r\n").status, 505);
  EXPECT_EQ(Raw(start + "X: " + std::string(40000, 'x') + "\r\n\r\n").status, 431);
  std::string many = start;
  for (int i = 0; i < 120; ++i) many += fmt::format("X-{}: y\r\n", i);
  EXPECT_EQ(Raw(many + "\r\n").status, 431);
}

TEST_F(ServerTest, BodiesAreBounded) {
  http.max_body_bytes = 1000;
  Start();
  const std::string start =
      "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  EXPECT_EQ(Raw(start + "Content-Length: 1001\r\n\r\n").status, 413);  // before any of it is read
  std::string endless = start + "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 40; ++i) endless += "40\r\n" + std::string(0x40, ' ') + "\r\n";
  EXPECT_EQ(Raw(endless).status, 413);
  for (const char* size : {"-2", "0x", "zz", "10000000000000000", "fffffffffffffffff"})
    EXPECT_EQ(Raw(start + "Transfer-Encoding: chunked\r\n\r\n" + size + "\r\n{}\r\n0\r\n\r\n").status / 100,
              4)
        << size;
}

TEST_F(ServerTest, AnswersAreNotLostToWhatIsLeftUnread) {
  http.max_body_bytes = 1000;
  Start();
  const std::string post =
      "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  const std::string rest(size_t{8} << 20, 'x');
  const std::pair<std::string, int> cases[] = {
      {post + fmt::format("Content-Length: {}\r\n\r\n", rest.size()), 413},
      {post + "Transfer-Encoding: chunked\r\n\r\n800000\r\n", 413},
      {post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"GET /", 431},
      {"GARBAGE\r\n\r\n", 400},
      {Request("GET", "/health"), 200},
  };
  for (const auto& [request, status] : cases) {
    TestClient client(port());
    EXPECT_TRUE(client.Send(request + rest)) << request;
    EXPECT_EQ(ParseResponse(client.ReadAll()).status, status) << request;
    EXPECT_FALSE(client.reset()) << request;
  }
}

TEST_F(ServerTest, RefusedClientsCannotStay) {
  http.max_body_bytes = 1000;
  http.max_connections = 1;
  http.farewell_silence = std::chrono::milliseconds(50);
  Start();
  const std::string endless =
      "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n";
  TestClient silent(port());
  silent.Send(endless);
  EXPECT_EQ(ParseResponse(silent.ReadAll()).status, 413);
  int status = 503;
  while (status == 503) status = Get("/health").status;  // until nobody waits for the silent one
  EXPECT_EQ(status, 200);
  TestClient talks(port());
  const std::string piece(size_t{1} << 20, 'x');
  size_t sent = 0;
  while (sent < 256 * piece.size() && talks.Send(sent == 0 ? endless : piece)) sent += piece.size();
  EXPECT_LT(sent, 256 * piece.size());
}

TEST_F(ServerTest, ChunkedBodiesAndContinue) {
  Start();
  TestClient client(port());
  client.Send(
      "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: "
      "close\r\n"
      "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("8\r\n{\"prompt\r\n7\r\n\":\"Hi\"}\r\n0\r\n\r\n");
  const TestResponse response = ParseResponse(client.ReadAll());
  EXPECT_EQ(response.json()["choices"][0]["text"], "Hello, w\xc3\xb6rld!");
}

TEST_F(ServerTest, OneConnectionServesManyRequests) {
  Start();
  TestClient client(port());
  const std::string get = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
  client.Send(get);
  EXPECT_NE(client.ReadUntil("\"ok\"}").find("200 OK"), std::string::npos);
  client.Send(get + get);  // pipelined
  EXPECT_NE(client.ReadUntil("\"ok\"}").find("200 OK"), std::string::npos);
  EXPECT_NE(client.ReadUntil("\"ok\"}").find("200 OK"), std::string::npos);
}

TEST_F(ServerTest, SlowHeadsTimeOut) {
  http.head_timeout = std::chrono::milliseconds(100);
  Start();
  TestClient client(port());
  client.Send("GET /health HT");
  EXPECT_EQ(ParseResponse(client.ReadAll()).status, 408);
}

TEST_F(ServerTest, ForeignHostsKeysAndOrigins) {
  security.keys = {{.name = "test", .digest = DigestKey("secret")}};
  Start();
  EXPECT_EQ(Raw("GET /health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").status, 403);
  EXPECT_EQ(Get("/health").status, 200);
  EXPECT_EQ(Get("/v1/models").Error("code"), "invalid_api_key");
  EXPECT_EQ(Chat("").status, 401);
  EXPECT_EQ(Raw(Request("GET", "/v1/models", "", "Authorization: Bearer secreT\r\n")).status, 401);
  EXPECT_EQ(Raw(Request("GET", "/v1/models", "", "Authorization: Bearer secret\r\n")).status, 200);
  EXPECT_EQ(Raw(Request("GET", "/v1/models", "", "x-api-key: secret\r\n")).status, 200);
  EXPECT_EQ(
      Raw(Request("GET", "/health", "", "Origin: https://evil.example\r\n")).head.find("Access-Control"),
      std::string::npos);
  EXPECT_NE(Raw(Request("GET", "/health", "", "Origin: http://localhost:3000\r\n"))
                .head.find("Access-Control-Allow-Origin: http://localhost:3000"),
            std::string::npos);
  const auto preflight =
      Raw(Request("OPTIONS", "/v1/chat/completions", "",
                  "Origin: http://localhost:3000\r\nAccess-Control-Request-Headers: x-stainless-os\r\n"));
  EXPECT_EQ(preflight.status, 204);
  EXPECT_NE(preflight.head.find("x-stainless-os"), std::string::npos);
}

TEST_F(ServerTest, TooManyConnectionsAreTurnedAway) {
  http.max_connections = 1;
  Start();
  TestClient first(port());
  first.Send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_NE(first.ReadUntil("}").find("200"), std::string::npos);
  const TestResponse second = Get("/health");
  EXPECT_EQ(second.status, 503);
  EXPECT_NE(second.head.find("Retry-After"), std::string::npos);
}

TEST_F(ServerTest, TurningAwayTakesBoundedConnections) {
  http.max_connections = 1;
  http.farewell_silence = std::chrono::minutes(1);
  Start();
  TestClient first(port());
  first.Send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_NE(first.ReadUntil("}").find("200"), std::string::npos);
  std::deque<TestClient> staying;
  std::string answer;
  do {
    answer = staying.emplace_back(port()).ReadAll();
    EXPECT_TRUE(answer.empty() || ParseResponse(answer).status == 503) << answer;
  } while (!answer.empty() && staying.size() < 100);
  EXPECT_EQ(staying.size(), 33u);  // the last is closed without a word
}

TEST_F(ServerTest, DisconnectCancelsStreamsAndWholeAnswers) {
  backend.Hold();
  Start();
  const std::string body = R"({"prompt":"Hi","n":4,"max_tokens":50)";
  for (const char* rest : {R"(,"stream":true})", "}"}) {
    const size_t before = backend.cancels(), requests = backend.requests().size();
    TestClient client(port());
    client.Send(Request("POST", "/v1/completions", body + rest));
    ASSERT_TRUE(backend.WaitForRequests(requests + 4));
    if (std::string_view(rest).size() > 1) client.ReadUntil("\r\n\r\n");
    client.Close();
    backend.Allow(4);  // what is written next finds nobody
    EXPECT_TRUE(backend.WaitForCancels(before + 4)) << rest;
    backend.Hold();
  }
}

TEST_F(ServerTest, HalfClosedClientsAreAnswered) {
  backend.Hold();
  Start();
  TestClient client(port());
  client.Send(Request("POST", "/v1/completions", R"({"prompt":"Hi"})"));
  client.CloseSending();
  ASSERT_TRUE(backend.WaitForRequests(1));
  backend.Allow(INT64_MAX);
  const TestResponse response = ParseResponse(client.ReadAll());
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.json()["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(backend.cancels(), 0u);
}

TEST_F(ServerTest, StoppingDrains) {
  backend.Hold();
  Start();
  TestClient running(port()), idle(port());
  running.Send(Request("POST", "/v1/completions", R"({"prompt":"Hi"})"));
  ASSERT_TRUE(backend.WaitForRequests(1));
  idle.Send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  idle.ReadUntil("}");
  server().Stop();
  EXPECT_EQ(idle.ReadAll(), "");  // closed
  EXPECT_EQ(Get("/health").status, 503);
  EXPECT_EQ(Complete("").status, 503);
  backend.Allow(INT64_MAX);
  EXPECT_EQ(ParseResponse(running.ReadAll()).status, 200);
}

TEST_F(ServerTest, TakenPortIsAnError) {
  Start();
  HttpOptions second;
  second.port = port();
  FakeBackend other("");
  ModelHost models(Serving(other), {});
  Service service(models, {});
  const auto server = HttpServer::Listen(second, service);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, ErrorCode::kPortInUse);
}

}  // namespace
}  // namespace sluice::server
