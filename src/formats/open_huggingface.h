// Opens a Hugging Face directory: config.json and safetensors, in one file or in shards with an index.
#pragma once

#include <string>

#include "base/result.h"
#include "formats/checkpoint.h"

namespace sluice::formats {

Result<Checkpoint> OpenHuggingFace(const std::string& directory);

}  // namespace sluice::formats
