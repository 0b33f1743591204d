// Which request goes where.
#pragma once

#include <atomic>
#include <memory>

#include "server/answer.h"
#include "server/answer_format.h"
#include "server/generation_request.h"
#include "server/http_message.h"
#include "server/lora.h"
#include "server/model_host.h"
#include "server/security.h"

namespace sluice::server {

class Log;
class Metrics;

struct ServiceOptions {
  SecurityOptions security;
  std::shared_ptr<Log> log;  // null: nobody listens
  bool log_prompts = false;  // with what was asked and answered
  double stuck_after = 120;  // seconds in one step, and /health says 503
  LoraOptions lora;
  double read_bandwidth = 0;  // of the machine, in bytes a second; 0: unknown
};

// Everything a route needs. Thread-safe. `models` must outlive it.
class Service {
 public:
  Service(ModelHost& models, ServiceOptions options);

  Answer Handle(const HttpRequest& request, Waker wake);
  // Headers for every answer to this request.
  Headers CommonHeaders(const HttpRequest& request) const;
  // The last word about a request: it goes to the log, and its key is charged. `status` 0: the client went
  // away.
  void Ended(const HttpRequest& request, int status) const;
  // Of what was no request.
  void Refused(const ApiError& error) const;
  void SetKeys(std::vector<ApiKey> keys) { keys_.Replace(std::move(keys)); }
  // From now on /health says 503 and nothing new is begun.
  void Drain() { draining_ = true; }

 private:
  struct Route;
  static const Route kRoutes[];

  ModelHost& models_;
  ServiceOptions options_;
  KeyRing keys_;
  std::shared_ptr<Metrics> metrics_;
  int64_t started_;  // Unix seconds
  std::atomic<bool> draining_ = false;

  // The model that the body names, or the standard one.
  ApiResult<std::shared_ptr<Served>> Pick(const nlohmann::ordered_json& body) const;
  // Whether the standard model's engine has been in one step for too long.
  bool Stuck() const;
  ApiResult<Answer> Dispatch(const HttpRequest& request, Waker wake);
  ApiResult<void> Admit(const Route& route, const HttpRequest& request) const;
  // Answers with what `make` gives for the body and its model.
  template <typename Make>
  Answer AnswerJson(const HttpRequest& request, Make make) const;
  // Computes what `read` makes of the body and its model, and writes it as `format` does.
  template <typename Read, typename Format>
  Answer Compute(const HttpRequest& request, Waker wake, const char* id_prefix, Read read, Format format);
  // Charges the key for the prompts.
  static ApiResult<void> Charge(RequestRecord& record, const std::vector<std::vector<int32_t>>& prompts);
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
  Answer Embeddings(const HttpRequest& request, Waker wake);
  Answer Messages(const HttpRequest& request, Waker wake);
  Answer CountTokens(const HttpRequest& request, Waker wake);
  Answer Responses(const HttpRequest& request, Waker wake);
  Answer AboutServer(const HttpRequest& request, Waker wake);
  Answer Load(const HttpRequest& request, Waker wake);
  Answer Unload(const HttpRequest& request, Waker wake);
  Answer Swap(const HttpRequest& request, Waker wake);
  Answer LoadAdapter(const HttpRequest& request, Waker wake);
  Answer UnloadAdapter(const HttpRequest& request, Waker wake);
};

}  // namespace sluice::server
