// Typed access to members of JSON objects from files: a wrong type is an error, not an exception.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::tokenizer {

// The member, or null if it is absent or `object` is no object.
const nlohmann::json& Field(const nlohmann::json& object, std::string_view key);

// Absent and null give the fallback.
Result<bool> BoolField(const nlohmann::json& object, std::string_view key, bool fallback);
Result<int64_t> IntField(const nlohmann::json& object, std::string_view key, int64_t fallback);
Result<std::string> StringField(const nlohmann::json& object, std::string_view key,
                                std::string_view fallback);
// Must be there.
Result<std::string> RequiredString(const nlohmann::json& object, std::string_view key);

}  // namespace sluice::tokenizer
