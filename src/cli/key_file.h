// Files of API keys: TOML, a table [[key]] for each, with the SHA-256 of the key and never the key.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/toml_file.h"
#include "server/api_keys.h"

namespace sluice::cli {

Result<std::vector<server::ApiKey>> ReadKeyFile(const std::string& path);
Result<std::vector<server::ApiKey>> ReadKeys(const TomlFile& file);

// The table of one key, as ReadKeys reads it.
std::string KeyTable(const server::ApiKey& key);

// Letters, digits, and . _ - : at most 64.
bool IsKeyName(std::string_view name);

}  // namespace sluice::cli
