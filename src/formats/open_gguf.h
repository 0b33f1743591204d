// Opens one GGUF file or a split set as a Checkpoint.
#pragma once

#include <string>

#include "base/result.h"
#include "formats/checkpoint.h"

namespace sluice::formats {

// `path` may name any part of a split set; all parts are opened.
Result<Checkpoint> OpenGguf(const std::string& path);

}  // namespace sluice::formats
