// The bytes of HTTP responses, and where a request's head ends.
#pragma once

#include <string>
#include <string_view>

#include "server/http_message.h"

namespace sluice::server {

// One past the empty line that ends the head, or one past a line end without CR, which no head may have; npos
// if neither is there yet. Bytes before `searched` are known to hold neither.
size_t HeadEnd(std::string_view buffered, size_t searched);

bool SpeaksHttp11(const HttpRequest& request);
bool KeepsAlive(const HttpRequest& request);

// The head of a response whose length is known, and of one that is sent in pieces.
std::string ResponseHead(int status, std::string_view content_type, const Headers& headers, bool keep_alive,
                         size_t length);
std::string StreamHead(std::string_view content_type, const Headers& headers, bool keep_alive, bool chunked);

// A piece of a body, as a chunk if the client knows chunks.
std::string Framed(std::string_view bytes, bool chunked);

}  // namespace sluice::server
