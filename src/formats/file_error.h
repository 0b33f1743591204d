// The one form of a message about a file's content: file, offset, field, what is wrong.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace sluice::formats {

// A name from a file, fit to print: control characters and invalid bytes as \xNN, cut after `max_shown`
// bytes.
std::string Printable(std::string_view text, size_t max_shown = 80);

// kBadFile: "model.gguf: offset 24: metadata key: 9 bytes are needed, 3 are left".
Error FileError(const MappedFile& file, uint64_t offset, std::string_view field, std::string_view what,
                std::string hint = {});

}  // namespace sluice::formats
