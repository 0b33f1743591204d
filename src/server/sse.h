// Server-sent events.
#pragma once

#include <string>
#include <string_view>

namespace sluice::server {

// "data: ...\n\n", below a line "event: NAME" if a name is given. `data` has no line ends.
std::string SseEvent(std::string_view data, std::string_view name = {});
inline constexpr std::string_view kSseDone = "data: [DONE]\n\n";
// A comment, which clients skip: keeps idle connections alive.
inline constexpr std::string_view kSseComment = ": waiting\n\n";

}  // namespace sluice::server
