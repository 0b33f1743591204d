#include "formats/file_error.h"

#include <fmt/format.h>

#include <iterator>

namespace sluice::formats {

std::string Printable(std::string_view text, size_t max_shown) {
  std::string shown;
  for (const char c : text.substr(0, max_shown)) {
    if (c >= 0x20 && c < 0x7f)
      shown += c;
    else
      fmt::format_to(std::back_inserter(shown), "\\x{:02x}", static_cast<unsigned char>(c));
  }
  if (text.size() > max_shown) fmt::format_to(std::back_inserter(shown), "... ({} bytes)", text.size());
  return shown;
}

Error FileError(const MappedFile& file, uint64_t offset, std::string_view field, std::string_view what,
                std::string hint) {
  return {ErrorCode::kBadFile, fmt::format("{}: offset {}: {}: {}", file.path(), offset, field, what),
          std::move(hint)};
}

}  // namespace sluice::formats
