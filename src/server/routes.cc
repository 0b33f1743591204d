#include "server/routes.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "server/anthropic.h"
#include "server/generation.h"
#include "server/json_input.h"
#include "server/metrics.h"
#include "server/openai_chat.h"
#include "server/openai_completions.h"
#include "server/responses.h"
#include "server/tokenizer_routes.h"

namespace sluice::server {

using Json = nlohmann::ordered_json;

struct Service::Route {
  std::string_view method, path;  // a path that ends with / takes whatever follows
  bool open;                      // needs no key
  Answer (Service::*handle)(const HttpRequest& request, Waker wake);
};

const Service::Route Service::kRoutes[] = {
    {"GET", "/health", true, &Service::Health},
    {"GET", "/ready", false, &Service::Ready},
    {"GET", "/version", false, &Service::Version},
    {"GET", "/metrics", false, &Service::MetricsPage},
    {"POST", "/tokenize", false, &Service::TokenizeText},
    {"POST", "/detokenize", false, &Service::DetokenizeIds},
    {"GET", "/tokenizer_info", false, &Service::AboutTokenizer},
    {"POST", "/apply-template", false, &Service::RenderTemplate},
    {"GET", "/v1/models", false, &Service::Models},
    {"GET", "/v1/models/", false, &Service::OneModel},
    {"POST", "/v1/chat/completions", false, &Service::Chat},
    {"POST", "/v1/completions", false, &Service::Completions},
    {"POST", "/v1/responses", false, &Service::Responses},
    {"POST", "/v1/messages", false, &Service::Messages},
    {"POST", "/v1/messages/count_tokens", false, &Service::CountTokens},
};

Service::Service(Backend& backend, ChatPrompt chat_prompt, SecurityOptions security)
    : backend_(backend),
      chat_prompt_(std::move(chat_prompt)),
      security_(std::move(security)),
      metrics_(std::make_shared<Metrics>()),
      started_(std::chrono::duration_cast<std::chrono::seconds>(
                   std::chrono::system_clock::now().time_since_epoch())
                   .count()) {}

Headers Service::CommonHeaders(const HttpRequest& request) const {
  Headers headers = CorsHeaders(request, security_);
  headers.emplace_back("x-request-id", request.id);
  return headers;
}

namespace {

ApiResult<void> CheckBody(const HttpRequest& request) {
  const auto encoding = request.Header("content-encoding");
  if (encoding && *encoding != "identity")
    return tl::make_unexpected(
        ApiError{.status = 415,
                 .message = fmt::format("the body must not be encoded, and is {}", encoding->substr(0, 40))});
  std::string type(request.Header("content-type").value_or("missing"));
  type = type.substr(0, type.find_first_of("; "));
  for (char& c : type) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  if (type == "application/json") return {};
  return tl::make_unexpected(ApiError{
      .status = 415,
      .message = fmt::format("the content type must be application/json, and is {}", type.substr(0, 100))});
}

ApiError NoSuchMethod(const HttpRequest& request, const std::string& allowed) {
  return {.status = 405,
          .message = fmt::format("{} is not allowed for {}; use {}", request.method.substr(0, 40),
                                 request.path, allowed),
          .code = "method_not_allowed",
          .headers = {{"Allow", allowed}}};
}

}  // namespace

ApiResult<Answer> Service::Dispatch(const HttpRequest& request, Waker wake) {
  if (const auto host = CheckHost(request); !host) return tl::make_unexpected(host.error());
  std::string allowed;
  for (const Route& route : kRoutes) {
    const bool prefix = route.path.ends_with('/') && request.path.size() > route.path.size();
    if (prefix ? !request.path.starts_with(route.path) : route.path != request.path) continue;
    const bool head = request.method == "HEAD" && route.method == "GET";
    if (route.method != request.method && !head) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
      continue;
    }
    if (!route.open)
      if (const auto key = CheckKey(request, security_); !key) return tl::make_unexpected(key.error());
    if (draining_ && !route.open)
      return tl::make_unexpected(ApiError{.status = 503,
                                          .message = "the server is shutting down",
                                          .type = "server_error",
                                          .headers = {{"Retry-After", "5"}}});
    if (route.method == "POST")
      if (const auto body = CheckBody(request); !body) return tl::make_unexpected(body.error());
    return (this->*route.handle)(request, std::move(wake));
  }
  if (allowed.empty())
    return tl::make_unexpected(
        NotFound(fmt::format("there is no {}", request.path.substr(0, 200)), "not_found"));
  if (request.method == "OPTIONS") return Answer(Reply{204, "", "", {{"Allow", allowed}}});
  return tl::make_unexpected(NoSuchMethod(request, allowed));
}

Answer Service::Handle(const HttpRequest& request, Waker wake) {
  try {
    auto answer = Dispatch(request, std::move(wake));
    if (answer) return std::move(*answer);
    return ErrorReply(answer.error());
  } catch (const std::exception& error) {  // the JSON library's, or no memory
    return ErrorReply(ServerError(fmt::format("the request could not be handled: {}", error.what())));
  }
}

Answer Service::Health(const HttpRequest&, Waker) {
  if (draining_) return Reply{503, Dump({{"status", "draining"}})};
  return Reply{200, Dump({{"status", "ok"}})};
}

Answer Service::Ready(const HttpRequest&, Waker) {
  if (draining_) return Reply{503, Dump({{"ready", false}})};
  return Reply{200, Dump({{"ready", true}})};
}

Answer Service::Version(const HttpRequest&, Waker) { return Reply{200, Dump({{"version", SLUICE_VERSION}})}; }

Answer Service::MetricsPage(const HttpRequest&, Waker) {
  return Reply{200, metrics_->Page(backend_), "text/plain; version=0.0.4; charset=utf-8"};
}

template <typename Make>
Answer Service::AnswerJson(const HttpRequest& request, Make make) {
  const auto body = ParseJson(request.body);
  if (!body) return ErrorReply(body.error());
  const ApiResult<Json> answer = make(*body);
  if (!answer) return ErrorReply(answer.error());
  return Reply{200, Dump(*answer)};
}

Answer Service::TokenizeText(const HttpRequest& request, Waker) {
  return AnswerJson(request, [&](const Json& body) { return Tokenize(body, backend_, chat_prompt_); });
}

Answer Service::DetokenizeIds(const HttpRequest& request, Waker) {
  return AnswerJson(request, [&](const Json& body) { return Detokenize(body, backend_); });
}

Answer Service::AboutTokenizer(const HttpRequest&, Waker) {
  return Reply{200, Dump(TokenizerInfo(backend_))};
}

Answer Service::RenderTemplate(const HttpRequest& request, Waker) {
  return AnswerJson(request, [&](const Json& body) { return ApplyTemplate(body, chat_prompt_); });
}

std::string Service::ModelEntry() const {
  return Dump({{"id", backend_.model_name()},
               {"object", "model"},
               {"created", started_},
               {"owned_by", "sluice"},
               {"max_model_len", backend_.context()}});
}

Answer Service::Models(const HttpRequest&, Waker) {
  return Reply{200, fmt::format(R"({{"object":"list","data":[{}]}})", ModelEntry())};
}

Answer Service::OneModel(const HttpRequest& request, Waker) {
  const std::string name = request.path.substr(std::string_view("/v1/models/").size());
  if (name == backend_.model_name()) return Reply{200, ModelEntry()};
  return ErrorReply(
      NotFound(fmt::format("the model '{}' does not exist", name.substr(0, 200)), "model_not_found"));
}

Answer Service::Start(const HttpRequest& request, GenerationRequest generation,
                      std::unique_ptr<AnswerFormat> format, Waker wake) {
  if (const auto timeout = ReadTimeoutHeader(request, generation); !timeout)
    return ErrorReply(timeout.error());
  return StartGeneration(backend_, std::move(generation), std::move(format), std::move(wake), metrics_);
}

Answer Service::Chat(const HttpRequest& request, Waker wake) {
  const auto body = ParseJson(request.body);
  if (!body) return ErrorReply(body.error());
  auto generation = ReadChatRequest(*body, backend_, chat_prompt_);
  if (!generation) return ErrorReply(generation.error());
  const bool usage = generation->include_usage;
  return Start(request, std::move(*generation), ChatFormat(NewId("chatcmpl-"), usage), std::move(wake));
}

Answer Service::Completions(const HttpRequest& request, Waker wake) {
  const auto body = ParseJson(request.body);
  if (!body) return ErrorReply(body.error());
  auto generation = ReadCompletionRequest(*body, backend_);
  if (!generation) return ErrorReply(generation.error());
  const bool usage = generation->include_usage;
  return Start(request, std::move(*generation), CompletionFormat(NewId("cmpl-"), usage), std::move(wake));
}

AnswerId Service::NewId(const char* prefix) const { return AnswerId::Make(prefix, backend_.model_name()); }

Answer Service::Messages(const HttpRequest& request, Waker wake) {
  const auto body = ParseJson(request.body);
  if (!body) return ErrorReply(body.error());
  const auto chat = MessagesToChat(*body, /*counting=*/false);
  if (!chat) return ErrorReply(chat.error());
  auto generation = ReadChatRequest(*chat, backend_, chat_prompt_);
  if (!generation) return ErrorReply(generation.error());
  return Start(request, std::move(*generation), MessagesFormat(NewId("msg_")), std::move(wake));
}

Answer Service::CountTokens(const HttpRequest& request, Waker) {
  return AnswerJson(request, [&](const Json& body) -> ApiResult<Json> {
    const auto chat = MessagesToChat(body, /*counting=*/true);
    if (!chat) return tl::make_unexpected(chat.error());
    const auto generation = ReadChatRequest(*chat, backend_, chat_prompt_);
    if (!generation) return tl::make_unexpected(generation.error());
    return Json{{"input_tokens", generation->prompts.front().size()}};
  });
}

Answer Service::Responses(const HttpRequest& request, Waker wake) {
  const auto body = ParseJson(request.body);
  if (!body) return ErrorReply(body.error());
  const auto chat = ResponseToChat(*body);
  if (!chat) return ErrorReply(chat.error());
  auto generation = ReadChatRequest(*chat, backend_, chat_prompt_);
  if (!generation) return ErrorReply(generation.error());
  return Start(request, std::move(*generation), ResponseFormat(NewId("resp_"), *body), std::move(wake));
}

}  // namespace sluice::server
