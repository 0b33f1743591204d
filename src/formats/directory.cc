#include "formats/directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace sluice::formats {

Result<std::vector<std::string>> ListDirectory(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<std::string> names;
  fs::directory_iterator entries(directory, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error))
    names.push_back(entries->path().filename().string());
  std::sort(names.begin(), names.end());
  if (!error) return names;
  ErrorCode code = ErrorCode::kIo;
  if (error == std::errc::permission_denied) code = ErrorCode::kPermission;
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory)
    code = ErrorCode::kMissing;
  return Fail(code, fmt::format("{}: cannot be listed: {}", directory, error.message()));
}

}  // namespace sluice::formats
