// Reads the members of a request's object. Null counts as absent. The first wrong one is kept as the error,
// and every later read gives its default, so that a parser can read all fields and ask once.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "server/errors.h"

namespace sluice::server {

class Fields {
 public:
  explicit Fields(const nlohmann::ordered_json& object);

  // Bounds are inclusive.
  std::optional<double> Number(const char* name, double least, double most);
  std::optional<int64_t> Integer(const char* name, int64_t least, int64_t most);
  std::optional<bool> Bool(const char* name);
  std::optional<std::string> Text(const char* name);
  // nullptr if absent or null. The caller judges the value.
  const nlohmann::ordered_json* Raw(const char* name);
  // Known, and without effect here.
  void Ignore(std::initializer_list<const char*> names);

  void Refuse(ApiError error);  // keeps the first
  bool ok() const { return !error_; }
  const ApiError& error() const { return *error_; }
  // Members that nobody asked for: the first of them, cut where they are long.
  std::vector<std::string> Unknown() const;

 private:
  const nlohmann::ordered_json& object_;
  std::unordered_set<std::string> known_;
  std::optional<ApiError> error_;
};

}  // namespace sluice::server
