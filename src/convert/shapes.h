// Configurations of published models.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/config.h"

namespace sluice::convert {

std::vector<std::string_view> ShapeNames();

// `shape`: one of ShapeNames(), a config.json, or a directory that holds one. `layers`: 0, or how many of the
// first layers to keep.
Result<model::Config> ReadShape(const std::string& shape, int layers);

}  // namespace sluice::convert
