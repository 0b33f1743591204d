#include "server/admin.h"

#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>

#include "server/fields.h"
#include "server/json_input.h"

namespace sluice::server {

ApiError FromHost(const Error& error) {
  const std::string text = error.hint.empty() ? error.message : error.message + "; " + error.hint;
  switch (error.code) {
    case ErrorCode::kTryLater:
      return {.status = 409, .message = text, .code = "load_in_progress", .headers = {{"Retry-After", "5"}}};
    case ErrorCode::kUsage:
    case ErrorCode::kConfig:
      return {.message = text};
    case ErrorCode::kOs:
      return {.status = 503, .message = text, .type = "server_error", .code = "out_of_resources"};
    case ErrorCode::kInternal:
      return ServerError(text);
    default:
      return {.message = text, .param = "path", .code = "invalid_model_file"};
  }
}

namespace {

using Json = nlohmann::ordered_json;

// The outcome of an order, on its way from the host's thread.
struct Outcome {
  std::mutex mutex;
  std::optional<Result<std::string>> name;
  Waker wake;
};

class LoadAnswer final : public PendingAnswer {
 public:
  explicit LoadAnswer(std::shared_ptr<Outcome> outcome) : outcome_(std::move(outcome)) {}
  // The model is loaded all the same when the client goes away.
  ~LoadAnswer() override {
    const std::lock_guard lock(outcome_->mutex);
    outcome_->wake = nullptr;
  }
  bool streamed() const override { return false; }
  Headers headers() const override { return {}; }
  Progress Take() override {
    const std::lock_guard lock(outcome_->mutex);
    Progress progress;
    if (!outcome_->name) return progress;
    const Result<std::string>& name = *outcome_->name;
    progress.reply = name ? Reply{200, Dump({{"model", *name}})} : ErrorReply(FromHost(name.error()));
    progress.done = true;
    return progress;
  }

 private:
  std::shared_ptr<Outcome> outcome_;
};

ApiResult<ModelHost::Order> ReadOrder(const Json& body, const ModelHost& models, bool swap) {
  Fields fields(body);
  ModelHost::Order order{
      .path = fields.Text("path").value_or(""), .name = fields.Text("name").value_or(""), .replaces = {}};
  if (order.path.empty()) fields.Refuse(BadParam("path", "'path' must name a model's file or folder"));
  const auto standard = models.Standard();
  if (swap) order.replaces = fields.Text("model").value_or(standard ? standard->backend->model_name() : "");
  if (const auto unknown = fields.Unknown(); !unknown.empty())
    fields.Refuse(BadParam(unknown.front(), "there is no field '" + unknown.front() + "' here"));
  if (!fields.ok()) return tl::make_unexpected(fields.error());
  return order;
}

Json Describe(const Served& served, bool standard) {
  const BackendLoad load = served.backend->load();
  return {{"id", served.backend->model_name()},
          {"standard", standard},
          {"path", served.path},
          {"since", served.since},
          {"context", served.backend->context()},
          {"requests_running", load.running},
          {"requests_waiting", load.waiting},
          {"prompt_tokens", load.prompt_tokens},
          {"generated_tokens", load.generated_tokens},
          {"steps", load.steps}};
}

}  // namespace

ApiResult<void> CheckAdmin(const HttpRequest& request, const KeyRing& keys) {
  const auto& entry = request.record->key;
  if (entry ? entry->key.admin : keys.empty() && request.loopback && !request.Header("origin")) return {};
  return tl::make_unexpected(ApiError{.status = 403,
                                      .message = "this needs a key whose role is admin",
                                      .type = "permission_error",
                                      .code = "admin_only"});
}

Answer BeginLoad(ModelHost& models, ModelHost::Order order, Waker wake) {
  const auto outcome = std::make_shared<Outcome>();
  outcome->wake = std::move(wake);
  const Status begun = models.Load(std::move(order), [outcome](Result<std::string> name) {
    const std::lock_guard lock(outcome->mutex);
    outcome->name = std::move(name);
    if (outcome->wake) outcome->wake();
  });
  if (!begun) return ErrorReply(FromHost(begun.error()));
  return std::make_unique<LoadAnswer>(outcome);
}

Answer LoadModel(ModelHost& models, const HttpRequest& request, bool swap, Waker wake) {
  const auto body = ParseJson(request.body);
  if (!body) return ErrorReply(body.error());
  auto order = ReadOrder(*body, models, swap);
  if (!order) return ErrorReply(order.error());
  return BeginLoad(models, std::move(*order), std::move(wake));
}

Answer UnloadModel(ModelHost& models, const HttpRequest& request) {
  const auto body = ParseJson(request.body);
  if (!body) return ErrorReply(body.error());
  Fields fields(*body);
  const auto name = fields.Text("model");
  if (!name) fields.Refuse(BadParam("model", "'model' must name a model that is loaded"));
  if (!fields.ok()) return ErrorReply(fields.error());
  if (const Status unloaded = models.Unload(*name); !unloaded)
    return ErrorReply(NotFound(unloaded.error().message, "model_not_found"));
  return Reply{200, Dump({{"model", *name}})};
}

Reply AdminStatus(const ModelHost& models, const KeyRing& keys, bool draining, int64_t started) {
  Json entries = Json::array(), names = Json::array();
  for (const auto& served : models.All()) entries.push_back(Describe(*served, entries.empty()));
  for (const ApiKey& key : keys.List())
    names.push_back({{"name", key.name},
                     {"admin", key.admin},
                     {"requests_per_minute", key.requests_per_minute},
                     {"tokens_per_minute", key.tokens_per_minute}});
  const std::string loading = models.loading();
  return {200, Dump({{"version", SLUICE_VERSION},
                     {"started", started},
                     {"draining", draining},
                     {"models", std::move(entries)},
                     {"loading", loading.empty() ? Json() : Json(loading)},
                     {"keys", std::move(names)}})};
}

}  // namespace sluice::server
