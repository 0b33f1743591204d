// Which request goes where.
#pragma once

#include <atomic>

#include "server/answer.h"
#include "server/answer_format.h"
#include "server/backend.h"
#include "server/chat_prompt.h"
#include "server/http_message.h"
#include "server/security.h"

namespace sluice::server {

struct GenerationRequest;
class Metrics;

// Everything a route needs. Immutable but for `draining`; routes run on several threads.
class Service {
 public:
  Service(Backend& backend, ChatPrompt chat_prompt, SecurityOptions security);

  Answer Handle(const HttpRequest& request, Waker wake);
  // Headers for every answer to this request.
  Headers CommonHeaders(const HttpRequest& request) const;
  // From now on /health says 503 and nothing new is begun.
  void Drain() { draining_ = true; }

 private:
  struct Route;
  static const Route kRoutes[];

  Backend& backend_;
  ChatPrompt chat_prompt_;
  SecurityOptions security_;
  std::shared_ptr<Metrics> metrics_;
  int64_t started_;  // Unix seconds
  std::atomic<bool> draining_ = false;

  std::string ModelEntry() const;  // JSON
  AnswerId NewId(const char* prefix) const;
  Answer Start(const HttpRequest& request, GenerationRequest generation, std::unique_ptr<AnswerFormat> format,
               Waker wake);
  ApiResult<Answer> Dispatch(const HttpRequest& request, Waker wake);
  // Answers with what `make` gives for the body.
  template <typename Make>
  static Answer AnswerJson(const HttpRequest& request, Make make);
  Answer MetricsPage(const HttpRequest& request, Waker wake);
  Answer Ready(const HttpRequest& request, Waker wake);
  Answer Version(const HttpRequest& request, Waker wake);
  Answer TokenizeText(const HttpRequest& request, Waker wake);
  Answer DetokenizeIds(const HttpRequest& request, Waker wake);
  Answer AboutTokenizer(const HttpRequest& request, Waker wake);
  Answer RenderTemplate(const HttpRequest& request, Waker wake);
  Answer Health(const HttpRequest& request, Waker wake);
  Answer Models(const HttpRequest& request, Waker wake);
  Answer OneModel(const HttpRequest& request, Waker wake);
  Answer Chat(const HttpRequest& request, Waker wake);
  Answer Completions(const HttpRequest& request, Waker wake);
  Answer Messages(const HttpRequest& request, Waker wake);
  Answer CountTokens(const HttpRequest& request, Waker wake);
  Answer Responses(const HttpRequest& request, Waker wake);
};

}  // namespace sluice::server
