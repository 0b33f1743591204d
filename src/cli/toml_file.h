// A TOML file as settings and lists of tables, with the line of each for messages.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace sluice::cli {

struct TomlValue {
  // Arrays, dates and whatever else nobody reads here are named by their type alone.
  struct Other {
    std::string type;
  };
  std::variant<bool, int64_t, double, std::string, Other> value;
  int line = 0;

  std::string TypeName() const;  // "an integer"
};

struct TomlTable {
  std::map<std::string, TomlValue> values;
  int line = 0;
};

struct TomlFile {
  std::string path;
  TomlTable top;
  std::map<std::string, std::vector<TomlTable>> tables;  // [[name]]
};

// Refuses what is no TOML, and more than a mebibyte.
Result<TomlFile> ReadTomlFile(const std::string& path);
Result<TomlFile> ParseToml(std::string_view text, const std::string& path);

// `text` between quotation marks, as TOML and JSON read it.
std::string TomlString(std::string_view text);

}  // namespace sluice::cli
