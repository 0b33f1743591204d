// Names of the parts of a split GGUF set: "model-00002-of-00003.gguf".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::formats {

struct SplitName {
  std::string prefix;  // everything before "-00002-of-00003.gguf"
  int number = 0;      // from 1
  int count = 0;

  std::string Part(int part_number) const;
};

std::optional<SplitName> ParseSplitName(std::string_view path);

}  // namespace sluice::formats
