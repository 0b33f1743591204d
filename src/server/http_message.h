// A request as routes see it, and the reading of its head. Knows nothing of sockets.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/errors.h"
#include "server/request_record.h"

namespace sluice::server {

struct HttpRequest {
  std::string method, path;  // the path without its query, percent escapes undone
  int minor_version = 1;     // of HTTP/1
  Headers headers;           // names in lower case
  std::string body;
  std::string id;         // the client's x-request-id, or one of our own
  bool loopback = false;  // the server listens on a loopback address only
  std::shared_ptr<RequestRecord> record = std::make_shared<RequestRecord>();

  // The first header of that name (in lower case).
  std::optional<std::string_view> Header(std::string_view name) const;
};

constexpr size_t kMaxHeadBytes = 32 * 1024, kMaxHeaderFields = 100;

// `head`: everything up to and with the empty line. Refuses what two servers could read differently: bare
// line ends, folded or nameless fields, control characters, repeated or contradicting lengths.
ApiResult<HttpRequest> ReadHead(std::string_view head);

}  // namespace sluice::server
