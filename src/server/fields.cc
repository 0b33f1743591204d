#include "server/fields.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace sluice::server {

using Json = nlohmann::ordered_json;

Fields::Fields(const Json& object) : object_(object) {
  if (!object.is_object())
    Refuse({.message = fmt::format("the body must be a JSON object, not {}", object.type_name())});
}

void Fields::Refuse(ApiError error) {
  if (!error_) error_ = std::move(error);
}

const Json* Fields::Raw(const char* name) {
  known_.insert(name);
  if (error_ || !object_.is_object()) return nullptr;
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

std::optional<double> Fields::Number(const char* name, double least, double most) {
  const Json* value = Raw(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    Refuse(BadParam(name, fmt::format("'{}' must be a number, not {}", name, value->type_name())));
    return std::nullopt;
  }
  const double number = value->get<double>();
  if (number >= least && number <= most) return number;
  Refuse(BadParam(name, fmt::format("'{}' is {}, and must be between {} and {}", name, number, least, most)));
  return std::nullopt;
}

namespace {

// JSON knows no difference between 2 and 2.0.
bool IsInteger(const Json& value) {
  constexpr double kExact = 9007199254740992;  // 2^53: beyond it not every integer is a double
  if (!value.is_number_float()) return value.is_number_integer();
  const double number = value.get<double>();
  return number == std::trunc(number) && std::abs(number) <= kExact;
}

}  // namespace

std::optional<int64_t> Fields::Integer(const char* name, int64_t least, int64_t most) {
  const Json* value = Raw(name);
  if (value == nullptr) return std::nullopt;
  if (!IsInteger(*value)) {
    Refuse(BadParam(name, fmt::format("'{}' must be an integer, not {}", name,
                                      value->is_number() ? "a fraction" : value->type_name())));
    return std::nullopt;
  }
  const bool fits =
      !value->is_number_unsigned() || value->get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX);
  if (fits && value->get<int64_t>() >= least && value->get<int64_t>() <= most) return value->get<int64_t>();
  Refuse(BadParam(
      name, fmt::format("'{}' is {}, and must be between {} and {}", name, value->dump(), least, most)));
  return std::nullopt;
}

std::optional<bool> Fields::Bool(const char* name) {
  const Json* value = Raw(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  Refuse(BadParam(name, fmt::format("'{}' must be true or false, not {}", name, value->type_name())));
  return std::nullopt;
}

std::optional<std::string> Fields::Text(const char* name) {
  const Json* value = Raw(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  Refuse(BadParam(name, fmt::format("'{}' must be a string, not {}", name, value->type_name())));
  return std::nullopt;
}

void Fields::Ignore(std::initializer_list<const char*> names) {
  for (const char* name : names) known_.insert(name);
}

std::vector<std::string> Fields::Unknown() const {
  constexpr size_t kMostNames = 32, kLongestName = 64;  // they are answered in a header
  std::vector<std::string> unknown;
  if (!object_.is_object()) return unknown;
  for (const auto& [name, value] : object_.items()) {
    if (known_.contains(name)) continue;
    if (unknown.size() == kMostNames) {
      unknown.push_back("...");
      break;
    }
    unknown.push_back(name.substr(0, kLongestName));
  }
  return unknown;
}

}  // namespace sluice::server
