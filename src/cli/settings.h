// Settings of a program that stays: each is a flag, a variable of the environment and a key of a TOML file,
// all from one table. "--kv-tokens" is SLUICE_KV_TOKENS and kv_tokens.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "cli/toml_file.h"
#include "cli/verb.h"

namespace sluice::cli {

class Settings {
 public:
  using Value = std::variant<std::string, int64_t, double, bool>;
  using Environment = std::function<const char*(const char* name)>;

  explicit Settings(Verb verb) : verb_(verb) {}

  // As of Verb; *value is what holds where nothing is said.
  void Argument(const char* name, std::string* value, const char* help);
  void Text(const char* flag, const char* type, std::string* value, const char* help);
  void Integer(const char* flag, int64_t* value, int64_t least, int64_t most, const char* help);
  void Real(const char* flag, double* value, double least, double most, const char* help);
  void Flag(const char* flag, bool* value, const char* help);
  // One of `choices`.
  void Choice(const char* flag, std::string* value, std::vector<std::string> choices, const char* help);
  // Never a flag, since everybody sees those, and never printed.
  void Secret(const char* flag, std::string* value);

  // After the command line has been read: fills in what no flag has set from the environment, or else the
  // file (none if empty), or else the default. Gives the keys of settings that are not what they were.
  // Nothing is changed where an error is returned.
  Result<std::vector<std::string>> Resolve(const std::string& file, const Environment& environment);

  // The settings as a TOML file, each with its origin.
  std::string Print() const;

 private:
  struct Setting {
    std::string flag, key, variable;
    std::variant<std::string*, int64_t*, double*, bool*> target;
    Value standard;
    double least = 0, most = 0;
    std::vector<std::string> choices = {};
    bool secret = false;
    std::string origin = "default";
  };
  struct Found {
    Value value;
    std::string origin;
  };

  Verb verb_;
  std::vector<Setting> settings_;

  template <typename T>
  Setting& Add(std::string flag, T* value);
  Result<Found> Find(const Setting& setting, const TomlFile& file, const Environment& environment) const;
  Status CheckKeys(const TomlFile& file) const;
  static Value Current(const Setting& setting);
};

}  // namespace sluice::cli
