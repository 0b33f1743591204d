// The JSON header of a safetensors file, as written: nothing is checked against the file yet.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace sluice::formats {

struct HeaderTensor {
  std::string name;
  std::string dtype;
  std::vector<uint64_t> shape;
  std::vector<uint64_t> offsets;  // begin, end: bytes from the start of the data
};

struct SafetensorsHeader {
  std::vector<HeaderTensor> tensors;
  std::vector<std::pair<std::string, std::string>> metadata;
};

struct HeaderError {
  uint64_t position = 0;  // bytes from the start of the header
  std::string field;
  std::string what;
};

// Refuses whatever does not have the one shape that the format allows, however deep it is nested.
tl::expected<SafetensorsHeader, HeaderError> ParseSafetensorsHeader(std::string_view json);

}  // namespace sluice::formats
