// The small files beside a model's weights (config.json, tokenizer.json, ...): in a directory, or carried
// along inside a packed file.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace sluice::formats {

// Cheap to copy; carried files stay mapped as long as a copy.
class ModelFiles {
 public:
  static ModelFiles InDirectory(std::string directory);
  // `container`: what messages call the file that carries them.
  static ModelFiles Carried(std::map<std::string, MappedFile> files, std::string container);

  bool Has(const std::string& name) const;
  Result<MappedFile> Open(const std::string& name) const;  // kMissing if there is no such file
  std::vector<std::string> Names() const;                  // sorted
  // What messages call the place.
  const std::string& place() const { return place_; }

 private:
  std::string place_;
  bool carried_ = false;
  std::map<std::string, MappedFile> files_;
};

}  // namespace sluice::formats
