// What a client is told when its request cannot be answered.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "base/result.h"

namespace sluice::server {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct ApiError {
  int status = 400;
  std::string message;
  std::string type = "invalid_request_error";
  std::optional<std::string> param = std::nullopt, code = std::nullopt;  // null on the wire where absent
  Headers headers = {};
};

template <typename T>
using ApiResult = tl::expected<T, ApiError>;

// A parameter's value is wrong: 400 with its name.
ApiError BadParam(std::string param, std::string message, std::optional<std::string> code = std::nullopt);
ApiError NotFound(std::string message, std::optional<std::string> code = std::nullopt);
// The engine refused: a request that cannot fit is the client's fault, a full queue passes.
ApiError FromEngine(const Error& error);
ApiError ServerError(std::string message);
ApiError OutOfMemory();

// {"error": {"message", "type", "param", "code"}, "type": "error"}: as the clients of OpenAI and of Anthropic
// read it.
nlohmann::ordered_json ToJson(const ApiError& error);

}  // namespace sluice::server
