#include "server/http_wire.h"

#include <fmt/format.h>

namespace sluice::server {
namespace {

std::string_view Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

// A value that came from a client must not end its line.
std::string OneLine(std::string_view value) {
  std::string line;
  for (const char c : value)
    if (static_cast<unsigned char>(c) >= 0x20 || c == '\t') line += c;
  return line;
}

std::string Head(int status, std::string_view content_type, const Headers& headers, bool keep_alive) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", status, Reason(status));
  if (!content_type.empty()) head += fmt::format("Content-Type: {}\r\n", content_type);
  for (const auto& [name, value] : headers) head += fmt::format("{}: {}\r\n", name, OneLine(value));
  head += keep_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n";
  return head;
}

}  // namespace

size_t HeadEnd(std::string_view buffered, size_t searched) {
  for (size_t i = buffered.find('\n', searched); i != std::string_view::npos;
       i = buffered.find('\n', i + 1)) {
    if (i == 0 || buffered[i - 1] != '\r') return i + 1;
    if (i >= 3 && buffered.substr(i - 3, 4) == "\r\n\r\n") return i + 1;
  }
  return std::string_view::npos;
}

bool SpeaksHttp11(const HttpRequest& request) { return request.minor_version >= 1; }

bool KeepsAlive(const HttpRequest& request) {
  const std::string_view connection = request.Header("connection").value_or("");
  return SpeaksHttp11(request) && connection.find("close") == std::string_view::npos &&
         connection.find("Close") == std::string_view::npos;
}

std::string ResponseHead(int status, std::string_view content_type, const Headers& headers, bool keep_alive,
                         size_t length) {
  std::string head = Head(status, content_type, headers, keep_alive);
  if (status != 204) head += fmt::format("Content-Length: {}\r\n", length);
  return head + "\r\n";
}

std::string StreamHead(std::string_view content_type, const Headers& headers, bool keep_alive, bool chunked) {
  return Head(200, content_type, headers, keep_alive) +
         (chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
}

std::string Framed(std::string_view bytes, bool chunked) {
  return chunked ? fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes) : std::string(bytes);
}

}  // namespace sluice::server
