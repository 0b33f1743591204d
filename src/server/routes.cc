#include "server/routes.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "server/admin.h"
#include "server/anthropic.h"
#include "server/embeddings.h"
#include "server/generation.h"
#include "server/json_input.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/openai_chat.h"
#include "server/openai_completions.h"
#include "server/responses.h"
#include "server/tokenizer_routes.h"

namespace sluice::server {

using Json = nlohmann::ordered_json;

enum class Access : uint8_t {
  kOpen,   // needs no key
  kKey,    // needs one, where there are any
  kCount,  // counts against its limits
  kAdmin,  // needs one with that role
};

struct Service::Route {
  std::string_view method, path;  // a path that ends with / takes whatever follows
  Access access;
  Answer (Service::*handle)(const HttpRequest& request, Waker wake);
};

const Service::Route Service::kRoutes[] = {
    {"GET", "/health", Access::kOpen, &Service::Health},
    {"GET", "/ready", Access::kKey, &Service::Ready},
    {"GET", "/version", Access::kKey, &Service::Version},
    {"GET", "/metrics", Access::kKey, &Service::MetricsPage},
    {"POST", "/tokenize", Access::kKey, &Service::TokenizeText},
    {"POST", "/detokenize", Access::kKey, &Service::DetokenizeIds},
    {"GET", "/tokenizer_info", Access::kKey, &Service::AboutTokenizer},
    {"POST", "/apply-template", Access::kKey, &Service::RenderTemplate},
    {"GET", "/v1/models", Access::kKey, &Service::Models},
    {"GET", "/v1/models/", Access::kKey, &Service::OneModel},
    {"POST", "/v1/chat/completions", Access::kCount, &Service::Chat},
    {"POST", "/v1/completions", Access::kCount, &Service::Completions},
    {"POST", "/v1/responses", Access::kCount, &Service::Responses},
    {"POST", "/v1/embeddings", Access::kCount, &Service::Embeddings},
    {"POST", "/v1/messages", Access::kCount, &Service::Messages},
    {"POST", "/v1/messages/count_tokens", Access::kKey, &Service::CountTokens},
    {"GET", "/admin/status", Access::kAdmin, &Service::AboutServer},
    {"POST", "/admin/models/load", Access::kAdmin, &Service::Load},
    {"POST", "/admin/models/unload", Access::kAdmin, &Service::Unload},
    {"POST", "/admin/models/swap", Access::kAdmin, &Service::Swap},
    {"POST", "/v1/load_lora_adapter", Access::kAdmin, &Service::LoadAdapter},
    {"POST", "/v1/unload_lora_adapter", Access::kAdmin, &Service::UnloadAdapter},
};

Service::Service(ModelHost& models, ServiceOptions options)
    : models_(models),
      options_(std::move(options)),
      metrics_(std::make_shared<Metrics>()),
      started_(std::chrono::duration_cast<std::chrono::seconds>(
                   std::chrono::system_clock::now().time_since_epoch())
                   .count()) {
  keys_.Replace(options_.security.keys);
}

Headers Service::CommonHeaders(const HttpRequest& request) const {
  Headers headers = CorsHeaders(request, options_.security);
  headers.emplace_back("x-request-id", request.id);
  const RequestRecord& record = *request.record;
  if (record.trace) headers.emplace_back("traceparent", std::string(*request.Header("traceparent")));
  if (record.key) {
    const Headers limits = record.key->limit.Describe(RateLimit::Clock::now());
    headers.insert(headers.end(), limits.begin(), limits.end());
  }
  return headers;
}

void Service::Ended(const HttpRequest& request, int status) const {
  constexpr int kClientGone = 499;
  RequestRecord& record = *request.record;
  record.status = status == 0 ? kClientGone : status;
  const auto now = RequestRecord::Clock::now();
  if (record.key && record.completion_tokens > 0)
    record.key->limit.SpendTokens(record.completion_tokens, now);
  if (!options_.log) return;
  const bool probe = record.route == "/health" || record.route == "/ready" || record.route == "/metrics";
  const LogLevel level = status >= 500 && !probe ? LogLevel::kError
                         : probe                 ? LogLevel::kDebug
                                                 : LogLevel::kInfo;
  options_.log->Write(level, "request", ToLog(record, now));
}

void Service::Refused(const ApiError& error) const {
  if (options_.log)
    options_.log->Write(LogLevel::kInfo, "no request", {{"status", error.status}, {"why", error.message}});
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

ApiError NoModel() {
  return {.status = 503,
          .message = "no model is loaded",
          .type = "server_error",
          .code = "no_model",
          .headers = {{"Retry-After", "5"}}};
}

ApiError NoSuchMethod(const HttpRequest& request, const std::string& allowed) {
  return {.status = 405,
          .message = fmt::format("{} is not allowed for {}; use {}", request.method.substr(0, 40),
                                 request.path, allowed),
          .code = "method_not_allowed",
          .headers = {{"Allow", allowed}}};
}

}  // namespace

ApiResult<void> Service::Admit(const Route& route, const HttpRequest& request) const {
  if (route.access == Access::kOpen) return {};
  if (const auto key = CheckKey(request, keys_); !key) return tl::make_unexpected(key.error());
  if (route.access == Access::kAdmin)
    if (const auto admin = CheckAdmin(request, keys_); !admin) return tl::make_unexpected(admin.error());
  if (draining_)
    return tl::make_unexpected(ApiError{.status = 503,
                                        .message = "the server is shutting down",
                                        .type = "server_error",
                                        .headers = {{"Retry-After", "5"}}});
  if (route.method == "POST")
    if (const auto body = CheckBody(request); !body) return tl::make_unexpected(body.error());
  const auto& key = request.record->key;
  if (route.access == Access::kCount && key) return key->limit.TakeRequest(RateLimit::Clock::now());
  return {};
}

ApiResult<std::shared_ptr<Served>> Service::Pick(const Json& body) const {
  std::shared_ptr<Served> served;
  if (const auto name = body.is_object() ? body.find("model") : body.end();
      body.is_object() && name != body.end() && name->is_string())
    served = models_.Find(name->get_ref<const std::string&>());
  if (!served) served = models_.Standard();
  if (served) return served;
  return tl::make_unexpected(NoModel());
}

ApiResult<Answer> Service::Dispatch(const HttpRequest& request, Waker wake) {
  if (const auto host = CheckHost(request); !host) return tl::make_unexpected(host.error());
  request.record->route = request.path.substr(0, 200);
  std::string allowed;
  for (const Route& route : kRoutes) {
    const bool prefix = route.path.ends_with('/') && request.path.size() > route.path.size();
    if (prefix ? !request.path.starts_with(route.path) : route.path != request.path) continue;
    const bool head = request.method == "HEAD" && route.method == "GET";
    if (route.method != request.method && !head) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
      continue;
    }
    request.record->route = route.path;
    if (const auto admitted = Admit(route, request); !admitted) return tl::make_unexpected(admitted.error());
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
  } catch (const std::bad_alloc&) {
    return ErrorReply(OutOfMemory());
  } catch (const std::exception& error) {  // the JSON library's
    return ErrorReply(ServerError(fmt::format("the request could not be handled: {}", error.what())));
  }
}

bool Service::Stuck() const {
  const auto served = models_.Standard();
  return served && served->backend->load().step_seconds > options_.stuck_after;
}

Answer Service::Health(const HttpRequest&, Waker) {
  if (draining_) return Reply{503, Dump({{"status", "draining"}})};
  if (Stuck()) return Reply{503, Dump({{"status", "stuck"}})};
  return Reply{200, Dump({{"status", "ok"}})};
}

Answer Service::Ready(const HttpRequest&, Waker) {
  const bool ready = !draining_ && models_.Standard() != nullptr && !Stuck();
  return Reply{ready ? 200 : 503, Dump({{"ready", ready}})};
}

Answer Service::Version(const HttpRequest&, Waker) { return Reply{200, Dump({{"version", SLUICE_VERSION}})}; }

Answer Service::MetricsPage(const HttpRequest&, Waker) {
  const auto served = models_.Standard();
  return Reply{200, metrics_->Page(served ? served->backend.get() : nullptr, options_.read_bandwidth),
               "text/plain; version=0.0.4; charset=utf-8"};
}

template <typename Make>
Answer Service::AnswerJson(const HttpRequest& request, Make make) const {
  const auto body = ParseJson(request.body);
  if (!body) return ErrorReply(body.error());
  const auto served = Pick(*body);
  if (!served) return ErrorReply(served.error());
  const ApiResult<Json> answer = make(*body, **served);
  if (!answer) return ErrorReply(answer.error());
  return Reply{200, Dump(*answer)};
}

Answer Service::TokenizeText(const HttpRequest& request, Waker) {
  return AnswerJson(request, [](const Json& body, const Served& served) {
    return Tokenize(body, *served.backend, served.chat_prompt);
  });
}

Answer Service::DetokenizeIds(const HttpRequest& request, Waker) {
  return AnswerJson(request,
                    [](const Json& body, const Served& served) { return Detokenize(body, *served.backend); });
}

Answer Service::AboutTokenizer(const HttpRequest&, Waker) {
  const auto served = models_.Standard();
  if (!served) return ErrorReply(NoModel());
  return Reply{200, Dump(TokenizerInfo(*served->backend))};
}

Answer Service::RenderTemplate(const HttpRequest& request, Waker) {
  return AnswerJson(request, [](const Json& body, const Served& served) {
    return ApplyTemplate(body, served.chat_prompt);
  });
}

namespace {

Json ModelEntry(const Served& served) {
  Json entry{{"id", served.backend->model_name()},
             {"object", "model"},
             {"created", served.since},
             {"owned_by", "sluice"},
             {"max_model_len", served.backend->context()}};
  if (const std::string parent = served.backend->parent(); !parent.empty()) entry["parent"] = parent;
  return entry;
}

}  // namespace

Answer Service::Models(const HttpRequest&, Waker) {
  Json entries = Json::array();
  for (const auto& served : models_.All()) entries.push_back(ModelEntry(*served));
  return Reply{200, Dump({{"object", "list"}, {"data", std::move(entries)}})};
}

Answer Service::OneModel(const HttpRequest& request, Waker) {
  const std::string name = request.path.substr(std::string_view("/v1/models/").size());
  if (const auto served = models_.Find(name)) return Reply{200, Dump(ModelEntry(*served))};
  return ErrorReply(
      NotFound(fmt::format("the model '{}' does not exist", name.substr(0, 200)), "model_not_found"));
}

ApiResult<void> Service::Charge(RequestRecord& record, const std::vector<std::vector<int32_t>>& prompts) {
  for (const auto& prompt : prompts) record.prompt_tokens += static_cast<int64_t>(prompt.size());
  if (!record.key) return {};
  return record.key->limit.TakeTokens(record.prompt_tokens, RateLimit::Clock::now());
}

template <typename Read, typename Format>
Answer Service::Compute(const HttpRequest& request, Waker wake, const char* id_prefix, Read read,
                        Format format) {
  const auto body = ParseJson(request.body);
  if (!body) return ErrorReply(body.error());
  const auto served = Pick(*body);
  if (!served) return ErrorReply(served.error());
  ApiResult<GenerationRequest> generation = read(*body, **served);
  if (!generation) return ErrorReply(generation.error());
  if (const auto timeout = ReadTimeoutHeader(request, &generation->seconds); !timeout)
    return ErrorReply(timeout.error());
  RequestRecord& record = *request.record;
  if (const auto paid = Charge(record, generation->prompts); !paid) return ErrorReply(paid.error());
  record.computes = true;
  record.model = (*served)->backend->model_name();
  record.streamed = generation->stream;
  record.keep_text = options_.log_prompts;
  record.SetPrompt(request.body);
  auto writer = format(AnswerId::Make(id_prefix, record.model), *body, *generation);
  // The model lives as long as the answer that it computes.
  return StartGeneration({.backend = std::shared_ptr<Backend>(*served, (*served)->backend.get()),
                          .metrics = metrics_,
                          .record = request.record,
                          .wake = std::move(wake)},
                         std::move(*generation), std::move(writer));
}

namespace {

ApiResult<GenerationRequest> ReadChat(const ApiResult<Json>& chat, const Served& served) {
  if (!chat) return tl::make_unexpected(chat.error());
  return ReadChatRequest(*chat, *served.backend, served.chat_prompt, *served.grammars);
}

}  // namespace

Answer Service::Chat(const HttpRequest& request, Waker wake) {
  return Compute(
      request, std::move(wake), "chatcmpl-",
      [](const Json& body, const Served& served) {
        return ReadChatRequest(body, *served.backend, served.chat_prompt, *served.grammars);
      },
      [](AnswerId id, const Json&, const GenerationRequest& generation) {
        return ChatFormat(std::move(id), generation.include_usage);
      });
}

Answer Service::Completions(const HttpRequest& request, Waker wake) {
  return Compute(
      request, std::move(wake), "cmpl-",
      [](const Json& body, const Served& served) {
        return ReadCompletionRequest(body, *served.backend, *served.grammars);
      },
      [](AnswerId id, const Json&, const GenerationRequest& generation) {
        return CompletionFormat(std::move(id), generation.include_usage);
      });
}

Answer Service::Embeddings(const HttpRequest& request, Waker wake) {
  const auto body = ParseJson(request.body);
  if (!body) return ErrorReply(body.error());
  const auto served = Pick(*body);
  if (!served) return ErrorReply(served.error());
  auto wanted = ReadEmbeddingRequest(*body, *(*served)->backend);
  if (!wanted) return ErrorReply(wanted.error());
  if (const auto timeout = ReadTimeoutHeader(request, &wanted->seconds); !timeout)
    return ErrorReply(timeout.error());
  RequestRecord& record = *request.record;
  if (const auto paid = Charge(record, wanted->inputs); !paid) return ErrorReply(paid.error());
  record.computes = true;
  record.model = (*served)->backend->model_name();
  return StartEmbeddings({.backend = std::shared_ptr<Backend>(*served, (*served)->backend.get()),
                          .metrics = metrics_,
                          .record = request.record,
                          .wake = std::move(wake)},
                         std::move(*wanted));
}

Answer Service::Messages(const HttpRequest& request, Waker wake) {
  return Compute(
      request, std::move(wake), "msg_",
      [](const Json& body, const Served& served) {
        return ReadChat(MessagesToChat(body, /*counting=*/false), served);
      },
      [](AnswerId id, const Json&, const GenerationRequest&) { return MessagesFormat(std::move(id)); });
}

Answer Service::CountTokens(const HttpRequest& request, Waker) {
  return AnswerJson(request, [](const Json& body, const Served& served) -> ApiResult<Json> {
    const auto generation = ReadChat(MessagesToChat(body, /*counting=*/true), served);
    if (!generation) return tl::make_unexpected(generation.error());
    return Json{{"input_tokens", generation->prompts.front().size()}};
  });
}

Answer Service::Responses(const HttpRequest& request, Waker wake) {
  return Compute(
      request, std::move(wake), "resp_",
      [](const Json& body, const Served& served) { return ReadChat(ResponseToChat(body), served); },
      [](AnswerId id, const Json& body, const GenerationRequest&) {
        return ResponseFormat(std::move(id), body);
      });
}

Answer Service::AboutServer(const HttpRequest&, Waker) {
  return AdminStatus(models_, keys_, draining_, started_);
}

Answer Service::Load(const HttpRequest& request, Waker wake) {
  return LoadModel(models_, request, /*swap=*/false, std::move(wake));
}

Answer Service::Unload(const HttpRequest& request, Waker) { return UnloadModel(models_, request); }

Answer Service::Swap(const HttpRequest& request, Waker wake) {
  return LoadModel(models_, request, /*swap=*/true, std::move(wake));
}

Answer Service::LoadAdapter(const HttpRequest& request, Waker wake) {
  return LoadLora(models_, options_.lora, request, std::move(wake));
}

Answer Service::UnloadAdapter(const HttpRequest& request, Waker) {
  return UnloadLora(models_, options_.lora, request);
}

}  // namespace sluice::server
