// `sluice serve`: everything put together.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/http.h"
#include "server/log.h"
#include "server/model_host.h"
#include "server/routes.h"

namespace sluice::server {

// What SIGHUP may change.
struct LiveSettings {
  std::vector<ApiKey> keys;
  LogLevel log_level = LogLevel::kInfo;
  std::vector<std::string> ignored;  // settings that have changed and wait for the next start
};

struct ServerOptions {
  HttpOptions http;
  ServiceOptions service;
  std::function<Result<LiveSettings>()> reload;  // none: SIGHUP is ignored
};

// Listens, calls `ready` with the address ("http://127.0.0.1:8080"), and answers until SIGTERM or SIGINT;
// then finishes what runs and returns. kPortInUse if the port is taken.
Status Serve(const ServerOptions& options, ModelHost& models,
             const std::function<void(const std::string& address)>& ready);

}  // namespace sluice::server
