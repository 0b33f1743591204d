// Who may talk to the server: host names, origins, the key.
#pragma once

#include <string>
#include <vector>

#include "server/api_keys.h"
#include "server/http_message.h"

namespace sluice::server {

struct SecurityOptions {
  std::vector<ApiKey> keys;                  // empty: none needed
  std::vector<std::string> allowed_origins;  // besides pages from this machine; "*": all
};

// On a loopback address, a Host that is not this machine means a page that was lured here: 403.
ApiResult<void> CheckHost(const HttpRequest& request);
// `authorization: Bearer KEY` or `x-api-key: KEY`; what it is goes into the request's record.
ApiResult<void> CheckKey(const HttpRequest& request, const KeyRing& keys);
// Headers that let an allowed page read the answer; none for others.
Headers CorsHeaders(const HttpRequest& request, const SecurityOptions& options);

}  // namespace sluice::server
