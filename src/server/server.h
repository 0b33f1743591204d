// `sluice serve`: everything put together.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "server/backend.h"
#include "server/http.h"
#include "server/security.h"

namespace sluice::server {

struct ServerOptions {
  HttpOptions http;
  SecurityOptions security;
};

// Listens, calls `ready` with the address ("http://127.0.0.1:8080"), and answers until SIGTERM or SIGINT;
// then finishes what runs and returns. kPortInUse if the port is taken.
Status Serve(const ServerOptions& options, Backend& backend,
             const std::function<void(const std::string& address)>& ready);

}  // namespace sluice::server
