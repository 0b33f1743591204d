#include "server/security.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::server {
namespace {

// "example.org:8080" and "[::1]:8080" without the port.
std::string_view WithoutPort(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool IsThisMachine(std::string_view host) {
  host = WithoutPort(host);
  if (host == "localhost" || host == "[::1]") return true;
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

ApiResult<void> CheckHost(const HttpRequest& request) {
  if (!request.loopback) return {};
  const auto host = request.Header("host");
  if (!host || IsThisMachine(*host)) return {};
  return tl::make_unexpected(
      ApiError{.status = 403,
               .message = fmt::format("the host '{}' is not this machine", host->substr(0, 100)),
               .type = "permission_error",
               .code = "forbidden_host"});
}

ApiResult<void> CheckKey(const HttpRequest& request, const KeyRing& keys) {
  if (keys.empty()) return {};
  std::string_view given;
  if (const auto header = request.Header("authorization"); header && header->starts_with("Bearer "))
    given = header->substr(7);
  else if (const auto key = request.Header("x-api-key"))
    given = *key;
  if (!given.empty()) request.record->key = keys.Find(given);
  if (request.record->key) return {};
  return tl::make_unexpected(ApiError{
      .status = 401,
      .message = given.empty() ? "an API key is needed: Authorization: Bearer KEY" : "the API key is wrong",
      .type = "authentication_error",
      .code = "invalid_api_key",
      .headers = {{"WWW-Authenticate", "Bearer"}}});
}

Headers CorsHeaders(const HttpRequest& request, const SecurityOptions& options) {
  const auto origin = request.Header("origin");
  if (!origin) return {};
  const size_t scheme = origin->find("://");
  const bool local = scheme != std::string_view::npos && IsThisMachine(origin->substr(scheme + 3));
  const auto& allowed = options.allowed_origins;
  const bool listed = std::any_of(allowed.begin(), allowed.end(),
                                  [&](const std::string& one) { return one == "*" || one == *origin; });
  if (!local && !listed) return {};
  Headers headers = {{"Access-Control-Allow-Origin", std::string(*origin)},
                     {"Vary", "Origin"},
                     {"Access-Control-Expose-Headers",
                      "x-request-id, retry-after, retry-after-ms, x-ratelimit-limit-requests, "
                      "x-ratelimit-remaining-requests, x-ratelimit-reset-requests, x-ratelimit-limit-tokens, "
                      "x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens"}};
  if (request.method != "OPTIONS") return headers;
  std::string wanted = "authorization, content-type, x-api-key, anthropic-version, x-request-id";
  if (const auto asked = request.Header("access-control-request-headers")) {
    // The clients' own x-stainless-* are many; what is asked for of them is allowed.
    std::string_view rest = *asked;
    while (!rest.empty()) {
      const size_t comma = rest.find(',');
      std::string_view name = rest.substr(0, comma);
      while (name.starts_with(' ')) name.remove_prefix(1);
      if (name.starts_with("x-stainless-")) wanted += fmt::format(", {}", name);
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
  }
  headers.insert(headers.end(), {{"Access-Control-Allow-Headers", wanted},
                                 {"Access-Control-Allow-Methods", "GET, POST, OPTIONS"},
                                 {"Access-Control-Max-Age", "600"}});
  return headers;
}

}  // namespace sluice::server
