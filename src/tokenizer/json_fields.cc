#include "tokenizer/json_fields.h"

#include <fmt/format.h>

namespace sluice::tokenizer {
namespace {

using nlohmann::json;

tl::unexpected<Error> WrongType(std::string_view key, const json& value, std::string_view wanted) {
  return Fail(ErrorCode::kBadFile, fmt::format("\"{}\" is {}, not {}", key, value.type_name(), wanted));
}

}  // namespace

const json& Field(const json& object, std::string_view key) {
  static const json null;
  if (!object.is_object()) return null;
  const auto found = object.find(std::string(key));
  return found == object.end() ? null : *found;
}

Result<bool> BoolField(const json& object, std::string_view key, bool fallback) {
  const json& value = Field(object, key);
  if (value.is_null()) return fallback;
  if (!value.is_boolean()) return WrongType(key, value, "a boolean");
  return value.get<bool>();
}

Result<int64_t> IntField(const json& object, std::string_view key, int64_t fallback) {
  const json& value = Field(object, key);
  if (value.is_null()) return fallback;
  if (!value.is_number_integer()) return WrongType(key, value, "an integer");
  if (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX) return INT64_MAX;
  return value.get<int64_t>();
}

Result<std::string> StringField(const json& object, std::string_view key, std::string_view fallback) {
  const json& value = Field(object, key);
  if (value.is_null()) return std::string(fallback);
  if (!value.is_string()) return WrongType(key, value, "a string");
  return value.get<std::string>();
}

Result<std::string> RequiredString(const json& object, std::string_view key) {
  const json& value = Field(object, key);
  if (!value.is_string()) return WrongType(key, value, "a string");
  return value.get<std::string>();
}

}  // namespace sluice::tokenizer
