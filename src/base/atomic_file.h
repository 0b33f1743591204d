// A new file that appears under its name whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"

namespace sluice {

// Written without a name where the file system can, so that even a killed program leaves nothing; else under
// a temporary name in the same directory, removed by the destructor. Synced and named by Commit. Not
// thread-safe.
class AtomicFile {
 public:
  enum class Naming { kUnnamedIfPossible, kTemporary };
  // `expected_size`, if not 0, is reserved at once, so that a full disk shows before the work and not after
  // it: kIo, with the bytes needed and those that are free.
  static Result<AtomicFile> Create(const std::string& path, uint64_t expected_size = 0,
                                   Naming naming = Naming::kUnnamedIfPossible);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&& other) noexcept;
  ~AtomicFile();

  // After a failure (kIo, with the numbers) the file cannot be committed any more.
  Status Write(std::span<const std::byte> bytes);
  Status Commit();

  uint64_t written() const { return written_; }
  const std::string& path() const { return path_; }

 private:
  AtomicFile() = default;
  Status Open(Naming naming);
  Status Reserve();
  Status TakeName();
  Status Flush();
  Status WriteThrough(std::span<const std::byte> bytes);
  tl::unexpected<Error> Failed(int error, const char* doing);
  tl::unexpected<Error> Failed(int error, const char* doing, std::optional<uint64_t> free);
  void Discard();

  std::string path_;
  std::string temporary_path_;  // empty: the file has no name yet
  int fd_ = -1;
  uint64_t expected_size_ = 0;
  uint64_t written_ = 0;  // accepted by Write
  uint64_t on_disk_ = 0;  // handed to the system
  std::string buffer_;
};

}  // namespace sluice
