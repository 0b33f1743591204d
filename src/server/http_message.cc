#include "server/http_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

namespace sluice::server {

std::optional<std::string_view> HttpRequest::Header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return std::nullopt;
}

namespace {

tl::unexpected<ApiError> Malformed(std::string message) {
  return tl::make_unexpected(ApiError{.message = "the HTTP request is malformed: " + std::move(message)});
}

bool IsTokenCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return lower;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

ApiResult<std::string> DecodePath(std::string_view target) {
  if (target.starts_with("http://")) {  // the absolute form
    const size_t slash = target.find('/', 7);
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  target = target.substr(0, target.find_first_of("?#"));
  std::string path;
  for (size_t i = 0; i < target.size(); ++i) {
    if (target[i] != '%') {
      path += target[i];
      continue;
    }
    const int high = i + 2 < target.size() ? HexDigit(target[i + 1]) : -1;
    const int low = high >= 0 ? HexDigit(target[i + 2]) : -1;
    if (low < 0) return Malformed("the path has a broken percent escape");
    if (high * 16 + low < 0x20) return Malformed("the path has a control character");
    path += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return path;
}

ApiResult<void> ReadRequestLine(std::string_view line, HttpRequest& request) {
  const size_t first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return Malformed("the request line needs method, target and version");
  const std::string_view method = line.substr(0, first), target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0")
    return tl::make_unexpected(
        ApiError{.status = 505, .message = "only HTTP/1.1 and HTTP/1.0 are spoken here"});
  if (method.empty() || !std::all_of(method.begin(), method.end(), IsTokenCharacter))
    return Malformed("the method is no token");
  if (target.empty() || target.find(' ') != std::string_view::npos)
    return Malformed("the target is empty or has a space");
  request.method = method;
  request.minor_version = version.back() - '0';
  auto path = DecodePath(target);
  if (!path) return tl::make_unexpected(std::move(path).error());
  request.path = std::move(*path);
  return {};
}

ApiResult<void> ReadField(std::string_view line, HttpRequest& request) {
  if (line[0] == ' ' || line[0] == '\t') return Malformed("folded header fields are not allowed");
  const size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  if (colon == std::string_view::npos || name.empty() ||
      !std::all_of(name.begin(), name.end(), IsTokenCharacter))
    return Malformed("a header field has no valid name");
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  if (request.headers.size() >= kMaxHeaderFields)
    return tl::make_unexpected(
        ApiError{.status = 431, .message = fmt::format("more than {} header fields", kMaxHeaderFields)});
  request.headers.emplace_back(Lower(name), value);
  return {};
}

ApiResult<void> CheckLengthFields(const HttpRequest& request) {
  const auto count = [&](std::string_view name) {
    return std::count_if(request.headers.begin(), request.headers.end(),
                         [&](const auto& field) { return field.first == name; });
  };
  if (count("content-length") > 1) return Malformed("more than one Content-Length");
  if (count("transfer-encoding") > 1) return Malformed("more than one Transfer-Encoding");
  if (count("host") > 1) return Malformed("more than one Host");
  const auto length = request.Header("content-length"), encoding = request.Header("transfer-encoding");
  if (length && encoding) return Malformed("both Content-Length and Transfer-Encoding");
  if (encoding && Lower(*encoding) != "chunked")
    return Malformed("the only Transfer-Encoding spoken here is chunked");
  if (length && (length->empty() || length->size() > 18 ||
                 length->find_first_not_of("0123456789") != std::string_view::npos))
    return Malformed("Content-Length is no number");
  return {};
}

std::string RequestId(const HttpRequest& request) {
  const auto given = request.Header("x-request-id");
  const bool usable = given && !given->empty() && given->size() <= 128 &&
                      std::all_of(given->begin(), given->end(), IsTokenCharacter);
  if (usable) return std::string(*given);
  std::random_device device;
  return fmt::format("req_{:08x}{:08x}{:08x}", device(), device(), device());
}

}  // namespace

ApiResult<HttpRequest> ReadHead(std::string_view head) {
  HttpRequest request;
  bool first = true;
  while (!head.empty()) {
    const size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    const bool control = std::any_of(
        line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; });
    if (end == std::string_view::npos || control)
      return Malformed("a line has a control character or ends without CR LF");
    head.remove_prefix(end + 2);
    if (line.empty()) break;
    const ApiResult<void> read =
        std::exchange(first, false) ? ReadRequestLine(line, request) : ReadField(line, request);
    if (!read) return tl::make_unexpected(read.error());
  }
  if (first) return Malformed("there is no request line");
  if (const auto checked = CheckLengthFields(request); !checked) return tl::make_unexpected(checked.error());
  request.id = RequestId(request);
  request.record->id = request.id;
  request.record->method = request.method;
  if (const auto parent = request.Header("traceparent")) request.record->trace = ParseTraceParent(*parent);
  return request;
}

}  // namespace sluice::server
