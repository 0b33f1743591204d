// JSON from files: bounded depth, no duplicate keys, no exceptions.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/file.h"
#include "base/result.h"

namespace sluice::formats {

constexpr int kMaxJsonDepth = 128;

// The whole file as one JSON value. Errors are kBadFile with the offset.
Result<nlohmann::json> ParseJson(const MappedFile& file);

}  // namespace sluice::formats
