// Any bytes as the head of a request: refused with a status and a message, or read so that nothing of it can
// write a line of an answer.
#include <algorithm>
#include <cstdint>

#include "require.h"
#include "server/http_message.h"
#include "server/http_wire.h"

namespace {

using namespace sluice::server;

bool IsPlain(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == '\0';
  });
}

void CheckRequest(const HttpRequest& request) {
  FUZZ_REQUIRE(!request.method.empty() && IsPlain(request.method));
  FUZZ_REQUIRE(IsPlain(request.path));
  FUZZ_REQUIRE(!request.id.empty() && request.id.size() <= 128 && IsPlain(request.id));
  FUZZ_REQUIRE(request.headers.size() <= kMaxHeaderFields);
  for (const auto& [name, value] : request.headers)
    FUZZ_REQUIRE(!name.empty() && IsPlain(name) && IsPlain(value));
  FUZZ_REQUIRE(!request.Header("content-length") || !request.Header("transfer-encoding"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t end = HeadEnd(bytes, 0);
  if (size > 1) {  // found in pieces, it ends where it ends as a whole
    const size_t half = HeadEnd(bytes.substr(0, size / 2), 0);
    FUZZ_REQUIRE(half == std::string_view::npos ? HeadEnd(bytes, size / 2) == end : half == end);
  }
  const auto request = ReadHead(bytes.substr(0, std::min(end, size)));
  if (!request) {
    FUZZ_REQUIRE(!request.error().message.empty());
    FUZZ_REQUIRE(request.error().status >= 400 && request.error().status < 600);
    return 0;
  }
  CheckRequest(*request);
  const Headers headers = {{"a", std::string(bytes)}, {"x-request-id", request->id}};
  const std::string head = ResponseHead(200, "text/plain", headers, KeepsAlive(*request), size);
  FUZZ_REQUIRE(std::count(head.begin(), head.end(), '\n') == 7 &&
               std::count(head.begin(), head.end(), '\r') == 7);
  FUZZ_REQUIRE(head.ends_with("\r\n\r\n"));
  return 0;
}
