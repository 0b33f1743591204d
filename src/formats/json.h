// JSON from files: bounded depth, no duplicate keys, no exceptions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace sluice::formats {

constexpr int kMaxJsonDepth = 128;

// The whole file as one JSON value. Errors are kBadFile with the offset. NaN and Infinity, which Python
// writes though JSON has no such numbers, become null.
Result<nlohmann::json> ParseJson(const MappedFile& file);

// What the JSON library says in an exception, without its own labels and fit to print.
std::string JsonComplaint(std::string_view what);

}  // namespace sluice::formats
