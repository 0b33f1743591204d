#include "server/errors.h"

#include <nlohmann/json.hpp>

namespace sluice::server {

ApiError BadParam(std::string param, std::string message, std::optional<std::string> code) {
  return {.message = std::move(message), .param = std::move(param), .code = std::move(code)};
}

ApiError NotFound(std::string message, std::optional<std::string> code) {
  return {.status = 404, .message = std::move(message), .code = std::move(code)};
}

ApiError ServerError(std::string message) {
  return {.status = 500, .message = std::move(message), .type = "server_error"};
}

ApiError OutOfMemory() {
  return {.status = 503,
          .message = "the server has no memory left for this request",
          .type = "server_error",
          .code = "out_of_memory",
          .headers = {{"Retry-After", "1"}}};
}

ApiError FromEngine(const Error& error) {
  const std::string text = error.hint.empty() ? error.message : error.message + "; " + error.hint;
  switch (error.code) {
    case ErrorCode::kUsage:
      return {.message = text};
    case ErrorCode::kTryLater:
      return {.status = 429,
              .message = text,
              .type = "rate_limit_error",
              .code = "queue_full",
              .headers = {{"Retry-After", "1"}, {"retry-after-ms", "500"}}};
    case ErrorCode::kBadFile:  // weights that give no numbers
      return {.status = 500, .message = text, .type = "server_error", .code = "numerical_error"};
    case ErrorCode::kOs:
      return OutOfMemory();
    default:
      return ServerError(text);
  }
}

nlohmann::ordered_json ToJson(const ApiError& error) {
  using Json = nlohmann::ordered_json;
  const auto text_or_null = [](const std::optional<std::string>& text) {
    return text ? Json(*text) : Json();
  };
  return {{"error",
           {{"message", error.message},
            {"type", error.type},
            {"param", text_or_null(error.param)},
            {"code", text_or_null(error.code)}}},
          {"type", "error"}};
}

}  // namespace sluice::server
