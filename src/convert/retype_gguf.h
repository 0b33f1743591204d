#pragma once

#include "base/result.h"
#include "convert/pack.h"
#include "formats/checkpoint.h"

namespace sluice::convert {

// Writes a GGUF model anew with the types of a recipe. Metadata, names, shapes and tensors that the model
// does not use stay as they are; a split set becomes one file.
Result<PackReport> RetypeGguf(const formats::Checkpoint& checkpoint, const PackOptions& options);

}  // namespace sluice::convert
