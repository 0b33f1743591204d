#include "server/sse.h"

namespace sluice::server {

std::string SseEvent(std::string_view data) { return "data: " + std::string(data) + "\n\n"; }

}  // namespace sluice::server
