// The JSON a client sends: strict, bounded, in its own order.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "server/errors.h"

namespace sluice::server {

constexpr size_t kMaxJsonDepth = 64;

// Refuses what is nested deeper than kMaxJsonDepth, repeats a key, is not UTF-8, has a lone surrogate, or
// holds a number that neither 64 bits nor a double can take.
ApiResult<nlohmann::ordered_json> ParseJson(std::string_view text);

// JSON on one line. Text that is not UTF-8 is written with U+FFFD.
std::string Dump(const nlohmann::ordered_json& json);

}  // namespace sluice::server
