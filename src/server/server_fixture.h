// For tests: a running server over a fake backend.
#pragma once

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "server/fake_backend.h"
#include "server/http.h"
#include "server/log.h"
#include "server/routes.h"
#include "server/test_client.h"

namespace sluice::server {

struct TestResponse {
  int status = 0;
  std::string head;  // as sent
  std::string body;  // chunks put together
  nlohmann::ordered_json json() const { return nlohmann::ordered_json::parse(body); }
  std::string Error(const char* member) const {
    const auto value = json()["error"][member];
    return value.is_string() ? value.get<std::string>() : value.dump();
  }
};

inline std::string Unchunked(std::string_view body) {
  std::string out;
  while (!body.empty()) {
    const size_t end = body.find("\r\n");
    if (end == std::string_view::npos) break;
    const size_t size = std::strtoull(std::string(body.substr(0, end)).c_str(), nullptr, 16);
    if (size == 0) break;
    out += body.substr(end + 2, size);
    body.remove_prefix(std::min(body.size(), end + 2 + size + 2));
  }
  return out;
}

inline TestResponse ParseResponse(const std::string& text) {
  TestResponse response;
  const size_t end = text.find("\r\n\r\n");
  if (text.size() < 12 || end == std::string::npos) return response;
  response.status = std::atoi(text.substr(9, 3).c_str());
  response.head = text.substr(0, end + 2);
  response.body = text.substr(end + 4);
  if (response.head.find("Transfer-Encoding: chunked") != std::string::npos)
    response.body = Unchunked(response.body);
  return response;
}

class ServerTest : public ::testing::Test {
 protected:
  FakeBackend backend{"Hello, w\xc3\xb6rld!"};
  HttpOptions http;
  SecurityOptions security;
  std::shared_ptr<Log> log;
  ModelLoader loader;

  void Start() {
    http.port = 0;
    models_ = std::make_unique<ModelHost>(Serving(backend), loader);
    service_ = std::make_unique<Service>(
        *models_, ServiceOptions{.security = security, .log = log, .read_bandwidth = 51200});
    server_ = HttpServer::Listen(http, *service_).value();
    runner_ = std::thread([this] { server_->Run(); });
  }
  void TearDown() override {
    if (!server_) return;
    server_->Stop();
    backend.Allow(INT64_MAX);
    runner_.join();
    server_.reset();
  }

  // `backend` stays the caller's.
  static std::shared_ptr<Served> Serving(Backend& backend) {
    return Served::Make(std::shared_ptr<Backend>(std::shared_ptr<void>(), &backend), "test").value();
  }
  Service& service() { return *service_; }
  ModelHost& models() { return *models_; }
  uint16_t port() const { return server_->port(); }
  HttpServer& server() { return *server_; }

  static std::string Request(const std::string& method, const std::string& path, const std::string& body = "",
                             const std::string& headers = "") {
    std::string text =
        method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers;
    if (!body.empty())
      text += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", body.size());
    return text + "\r\n" + body;
  }
  TestResponse Raw(const std::string& bytes) {
    TestClient client(port());
    client.Send(bytes);
    return ParseResponse(client.ReadAll());
  }
  TestResponse Get(const std::string& path) { return Raw(Request("GET", path)); }
  TestResponse Post(const std::string& path, const std::string& body, const std::string& headers = "") {
    return Raw(Request("POST", path, body, headers));
  }
  TestResponse Chat(const std::string& members) {
    return Post("/v1/chat/completions", R"({"messages":[{"role":"user","content":"Hi"}])" +
                                            (members.empty() ? "" : "," + members) + "}");
  }
  TestResponse Complete(const std::string& members) {
    return Post("/v1/completions", R"({"prompt":"Hi")" + (members.empty() ? "" : "," + members) + "}");
  }
  // The data of every event of a stream.
  static std::vector<std::string> Events(const std::string& body) {
    std::vector<std::string> events;
    for (size_t at = body.find("data: "); at != std::string::npos; at = body.find("data: ", at + 6))
      events.push_back(body.substr(at + 6, body.find("\n\n", at) - at - 6));
    return events;
  }

 private:
  std::unique_ptr<ModelHost> models_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<HttpServer> server_;
  std::thread runner_;
};

}  // namespace sluice::server
