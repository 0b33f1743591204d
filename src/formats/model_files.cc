#include "formats/model_files.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "formats/directory.h"
#include "formats/file_error.h"

namespace sluice::formats {

namespace fs = std::filesystem;

ModelFiles ModelFiles::InDirectory(std::string directory) {
  ModelFiles files;
  files.place_ = std::move(directory);
  return files;
}

ModelFiles ModelFiles::Carried(std::map<std::string, MappedFile> carried, std::string container) {
  ModelFiles files;
  files.place_ = std::move(container);
  files.carried_ = true;
  files.files_ = std::move(carried);
  return files;
}

bool ModelFiles::Has(const std::string& name) const {
  if (carried_) return files_.contains(name);
  std::error_code ignored;
  return fs::exists(fs::path(place_) / name, ignored);
}

Result<MappedFile> ModelFiles::Open(const std::string& name) const {
  if (!carried_) return MappedFile::Open((fs::path(place_) / name).string());
  const auto it = files_.find(name);
  if (it == files_.end())
    return Fail(ErrorCode::kMissing, fmt::format("{}: carries no {}", place_, Printable(name)));
  return it->second;
}

std::vector<std::string> ModelFiles::Names() const {
  std::vector<std::string> names;
  if (carried_) {
    for (const auto& [name, file] : files_) names.push_back(name);
    return names;
  }
  return ListDirectory(place_).value_or(std::vector<std::string>{});
}

}  // namespace sluice::formats
