// Read-only files, mapped.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

namespace sluice {

// The bytes of one file, or of data linked into the program. Cheap to copy; the mapping lives as long as a
// copy.
class MappedFile {
 public:
  // Refuses what is not a regular file (kMissing) and what may not be read (kPermission).
  static Result<MappedFile> Open(const std::string& path);
  // `bytes` must outlive every copy. `name` is what messages call it.
  static MappedFile FromStatic(std::span<const std::byte> bytes, std::string name);
  // Takes ownership of bytes in memory (tests, decompressed data).
  static MappedFile FromOwned(std::string bytes, std::string name);

  // Some of the bytes under a name of their own; keeps the mapping alive.
  MappedFile Part(size_t offset, size_t size, std::string name) const;

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }

 private:
  std::string path_;
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
};

}  // namespace sluice
