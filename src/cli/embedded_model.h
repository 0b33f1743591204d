// The model that is linked into the program.
#pragma once

#include "base/file.h"

namespace sluice::cli {

inline constexpr char kEmbeddedModelName[] = "tiny-mixtral";

MappedFile EmbeddedModel();  // a GGUF

}  // namespace sluice::cli
