#include "perf/serving/replay.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string_view>

namespace sluice::perf {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Clock = std::chrono::steady_clock;
using tcp = asio::ip::tcp;

constexpr std::chrono::minutes kPatience{15};  // for the next piece of an answer

double Since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

http::request<http::string_body> NewRequest(const Endpoint& endpoint, http::verb verb,
                                            const std::string& path, std::string body = {}) {
  http::request<http::string_body> request{verb, path, 11};
  request.set(http::field::host, fmt::format("{}:{}", endpoint.host, endpoint.port));
  if (!endpoint.api_key.empty()) request.set(http::field::authorization, "Bearer " + endpoint.api_key);
  if (!body.empty()) request.set(http::field::content_type, "application/json");
  request.keep_alive(false);
  request.body() = std::move(body);
  request.prepare_payload();
  return request;
}

std::string BodyOf(const TimedRequest& request) {
  return fmt::format(R"({{"prompt":[{}],"max_tokens":{},"temperature":0,"ignore_eos":true,"stream":true,)"
                     R"("stream_options":{{"include_usage":true}}}})",
                     fmt::join(request.prompt, ","), request.answer_tokens);
}

// Reads the events of an answer as they come. It shares the machine with the server: it looks no closer at an
// event than it must.
class Events {
 public:
  explicit Events(Outcome& outcome) : outcome_(outcome) {}

  // `body`: all that has come, which is whole lines and the beginning of one.
  void Read(std::string_view body, double now) {
    for (size_t end; (end = body.find('\n', at_)) != body.npos; at_ = end + 1)
      ReadLine(body.substr(at_, end - at_), now);
  }

 private:
  void ReadLine(std::string_view line, double now) {
    constexpr std::string_view kData = "data: {";
    if (line.starts_with("error:")) outcome_.error = line.substr(0, 200);
    if (!line.starts_with(kData)) return;
    const bool has_usage = line.find("\"completion_tokens\"") != line.npos;
    if (line.find("\"text\"") != line.npos) {  // the event of the usage alone has no choices
      if (outcome_.first == 0) outcome_.first = now;
      outcome_.last = now;
    }
    if (has_usage) {
      const auto json = nlohmann::json::parse(line.substr(kData.size() - 1), nullptr, false);
      if (json.is_object() && json.contains("usage") && json["usage"].is_object())
        outcome_.answer_tokens = json["usage"].value("completion_tokens", int64_t{0});
    } else if (line.find("\"error\"") < 16) {
      outcome_.error = line.substr(kData.size() - 1, 200);
    }
  }

  Outcome& outcome_;
  size_t at_ = 0;
};

asio::awaitable<void> SendOne(const Endpoint& endpoint, const TimedRequest& request, Clock::time_point begin,
                              Outcome& outcome) {
  outcome.arrival = request.arrival;
  outcome.prompt_tokens = static_cast<int64_t>(request.prompt.size());
  try {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer due(executor, begin + std::chrono::duration_cast<Clock::duration>(
                                                 std::chrono::duration<double>(request.arrival)));
    co_await due.async_wait(asio::use_awaitable);
    beast::tcp_stream stream(executor);
    stream.expires_after(kPatience);
    co_await stream.async_connect({asio::ip::make_address(endpoint.host), endpoint.port},
                                  asio::use_awaitable);
    stream.socket().set_option(tcp::no_delay(true));
    auto message = NewRequest(endpoint, http::verb::post, "/v1/completions", BodyOf(request));
    co_await http::async_write(stream, message, asio::use_awaitable);
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(boost::none);
    co_await http::async_read_header(stream, buffer, parser, asio::use_awaitable);
    Events events(outcome);
    while (!parser.is_done()) {
      stream.expires_after(kPatience);
      co_await http::async_read_some(stream, buffer, parser, asio::use_awaitable);
      events.Read(parser.get().body(), Since(begin));
    }
    if (parser.get().result() != http::status::ok)
      outcome.error =
          fmt::format("status {}: {}", parser.get().result_int(), parser.get().body().substr(0, 200));
    else if (outcome.error.empty() && outcome.answer_tokens != request.answer_tokens)
      outcome.error = fmt::format("{} tokens of {}", outcome.answer_tokens, request.answer_tokens);
  } catch (const std::exception& failure) {
    outcome.error = failure.what();
  }
}

}  // namespace

Result<std::vector<Outcome>> Replay(const Endpoint& endpoint, std::vector<TimedRequest> requests) {
  std::vector<Outcome> outcomes(requests.size());
  try {
    asio::io_context io(1);
    const auto begin = Clock::now();
    for (size_t i = 0; i < requests.size(); ++i)
      asio::co_spawn(io, SendOne(endpoint, requests[i], begin, outcomes[i]), asio::detached);
    io.run();
  } catch (const std::exception& failure) {
    return Fail(ErrorCode::kOs, fmt::format("the requests could not be sent: {}", failure.what()));
  }
  return outcomes;
}

bool Answers(const Endpoint& endpoint, const std::string& path) {
  try {
    asio::io_context io(1);
    tcp::socket socket(io);
    socket.connect({asio::ip::make_address(endpoint.host), endpoint.port});
    http::write(socket, NewRequest(endpoint, http::verb::get, path));
    beast::flat_buffer buffer;
    http::response<http::string_body> response;
    http::read(socket, buffer, response);
    return response.result() == http::status::ok;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace sluice::perf
