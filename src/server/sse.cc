#include "server/sse.h"

namespace sluice::server {

std::string SseEvent(std::string_view data, std::string_view name) {
  std::string event;
  if (!name.empty()) event.append("event: ").append(name).append("\n");
  return event.append("data: ").append(data).append("\n\n");
}

}  // namespace sluice::server
