#include "cli/key_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/nearest.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kFields[] = {"name", "sha256", "requests_per_minute", "tokens_per_minute",
                                        "admin"};
constexpr int64_t kMostPerMinute = int64_t{1} << 40;

tl::unexpected<Error> Wrong(const TomlFile& file, int line, std::string what, std::string hint = {}) {
  return Fail(ErrorCode::kConfig, fmt::format("{}:{}: {}", file.path, line, what), std::move(hint));
}

// Reads one field into *target, if it is there.
template <typename T>
Status Read(const TomlFile& file, const TomlTable& table, const char* name, const char* type, T* target) {
  const auto found = table.values.find(name);
  if (found == table.values.end()) return {};
  const T* value = std::get_if<T>(&found->second.value);
  if (value == nullptr)
    return Wrong(file, found->second.line,
                 fmt::format("{} must be {}, and is {}", name, type, found->second.TypeName()));
  *target = *value;
  return {};
}

Result<server::ApiKey> ReadKey(const TomlFile& file, const TomlTable& table) {
  for (const auto& [name, value] : table.values)
    if (std::find(std::begin(kFields), std::end(kFields), name) == std::end(kFields))
      return Wrong(file, value.line, fmt::format("a key has no field '{}'", name), DidYouMean(name, kFields));
  server::ApiKey key;
  std::string digest;
  SLUICE_CHECK_OK(Read(file, table, "name", "a string", &key.name));
  SLUICE_CHECK_OK(Read(file, table, "sha256", "a string", &digest));
  SLUICE_CHECK_OK(Read(file, table, "admin", "true or false", &key.admin));
  for (const auto& [name, target] : {std::pair{"requests_per_minute", &key.requests_per_minute},
                                     std::pair{"tokens_per_minute", &key.tokens_per_minute}}) {
    SLUICE_CHECK_OK(Read(file, table, name, "an integer", target));
    if (*target < 0 || *target > kMostPerMinute)
      return Wrong(file, table.values.at(name).line,
                   fmt::format("{} is {}, not between 0 and {}", name, *target, kMostPerMinute));
  }
  const auto parsed = server::ParseDigest(digest);
  if (!parsed)
    return Wrong(file, table.line, "this key has no sha256 of 64 hexadecimal digits",
                 "sluice key prints a new key's table");
  key.digest = *parsed;
  return key;
}

}  // namespace

bool IsKeyName(std::string_view name) {
  constexpr size_t kLongest = 64;
  return !name.empty() && name.size() <= kLongest && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

Result<std::vector<server::ApiKey>> ReadKeys(const TomlFile& file) {
  for (const auto& [name, value] : file.top.values)
    return Wrong(file, value.line, fmt::format("'{}' stands outside of a [[key]]", name));
  std::vector<server::ApiKey> keys;
  std::set<std::string> names;
  for (const auto& [name, tables] : file.tables) {
    if (name != "key") return Wrong(file, tables.front().line, fmt::format("[[{}]] is no [[key]]", name));
    for (const TomlTable& table : tables) {
      SLUICE_TRY(server::ApiKey key, ReadKey(file, table));
      if (key.name.empty()) key.name = fmt::format("key-{}", keys.size() + 1);
      if (!IsKeyName(key.name))
        return Wrong(file, table.line, "a key's name has up to 64 letters, digits, and . _ -");
      if (!names.insert(key.name).second)
        return Wrong(file, table.line, fmt::format("the name '{}' is taken by another key", key.name));
      keys.push_back(std::move(key));
    }
  }
  return keys;
}

Result<std::vector<server::ApiKey>> ReadKeyFile(const std::string& path) {
  SLUICE_TRY(const TomlFile file, ReadTomlFile(path));
  return ReadKeys(file);
}

std::string KeyTable(const server::ApiKey& key) {
  std::string table =
      fmt::format("[[key]]\nname = {}\nsha256 = \"{}\"\n", TomlString(key.name), server::ToHex(key.digest));
  if (key.requests_per_minute > 0)
    table += fmt::format("requests_per_minute = {}\n", key.requests_per_minute);
  if (key.tokens_per_minute > 0) table += fmt::format("tokens_per_minute = {}\n", key.tokens_per_minute);
  if (key.admin) table += "admin = true\n";
  return table;
}

}  // namespace sluice::cli
