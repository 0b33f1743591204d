#include "base/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace sluice {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

mode_t CreationMode() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

}  // namespace

Result<AtomicFile> AtomicFile::Create(const std::string& path, uint64_t expected_size) {
  AtomicFile file;
  file.path_ = path;
  file.expected_size_ = expected_size;
  struct stat st{};
  if (::stat(path.c_str(), &st) == 0 && !S_ISREG(st.st_mode))
    return Fail(ErrorCode::kCantCreate, fmt::format("{}: exists and is not a regular file", path),
                "choose another name");
  file.temporary_path_ = path + ".partial-XXXXXX";
  file.fd_ = ::mkostemp(file.temporary_path_.data(), O_CLOEXEC);
  if (file.fd_ < 0) {
    const int error = errno;
    const bool denied = error == EACCES || error == EPERM || error == EROFS;
    return Fail(denied ? ErrorCode::kPermission : ErrorCode::kCantCreate,
                fmt::format("{}: cannot be created: {}", path, std::strerror(error)),
                "check the directory and its rights");
  }
  ::fchmod(file.fd_, CreationMode());
  // Not every file system can reserve; then a full disk shows while writing.
  if (expected_size > 0 &&
      ::fallocate(file.fd_, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(expected_size)) != 0) {
    const int error = errno;
    if (error == ENOSPC || error == EFBIG || error == EDQUOT) return file.Failed(error, "reserving space");
  }
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_path_(std::move(other.temporary_path_)),
      fd_(std::exchange(other.fd_, -1)),
      expected_size_(other.expected_size_),
      written_(other.written_),
      on_disk_(other.on_disk_),
      buffer_(std::move(other.buffer_)) {}

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  if (this == &other) return *this;
  Discard();
  path_ = std::move(other.path_);
  temporary_path_ = std::move(other.temporary_path_);
  fd_ = std::exchange(other.fd_, -1);
  expected_size_ = other.expected_size_;
  written_ = other.written_;
  on_disk_ = other.on_disk_;
  buffer_ = std::move(other.buffer_);
  return *this;
}

AtomicFile::~AtomicFile() { Discard(); }

void AtomicFile::Discard() {
  if (fd_ < 0) return;
  ::close(std::exchange(fd_, -1));
  ::unlink(temporary_path_.c_str());
}

tl::unexpected<Error> AtomicFile::Failed(int error, const char* doing) {
  std::string numbers =
      fmt::format("{} of {} bytes are written", on_disk_, std::max(expected_size_, written_));
  struct statvfs fs{};
  if (fd_ >= 0 && ::fstatvfs(fd_, &fs) == 0)
    numbers += fmt::format(", {} bytes are free", uint64_t{fs.f_bavail} * uint64_t{fs.f_frsize});
  Discard();
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return Fail(ErrorCode::kIo,
              fmt::format("{}: {} failed: {} ({})", path_, doing, std::strerror(error), numbers),
              full ? "free some space or write to another disk; no partial file is left" : "check the disk");
}

Status AtomicFile::Write(std::span<const std::byte> bytes) {
  written_ += bytes.size();
  if (buffer_.size() + bytes.size() > kBufferBytes) SLUICE_CHECK_OK(Flush());
  if (bytes.size() > kBufferBytes) return WriteThrough(bytes);
  if (buffer_.capacity() == 0) buffer_.reserve(kBufferBytes);
  buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return {};
}

Status AtomicFile::Flush() {
  SLUICE_CHECK_OK(WriteThrough(std::as_bytes(std::span(buffer_))));
  buffer_.clear();
  return {};
}

Status AtomicFile::WriteThrough(std::span<const std::byte> bytes) {
  if (fd_ < 0)
    return Fail(ErrorCode::kIo, fmt::format("{}: writing goes on after a failure or after the end", path_));
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Failed(n < 0 ? errno : EIO, "writing");
    on_disk_ += static_cast<uint64_t>(n);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return {};
}

Status AtomicFile::Commit() {
  SLUICE_CHECK_OK(Flush());
  // Gives back what was reserved beyond the end.
  if (on_disk_ < expected_size_ && ::ftruncate(fd_, static_cast<off_t>(on_disk_)) != 0)
    return Failed(errno, "trimming");
  if (::fsync(fd_) != 0) return Failed(errno, "syncing");
  if (::rename(temporary_path_.c_str(), path_.c_str()) != 0) return Failed(errno, "renaming");
  ::close(std::exchange(fd_, -1));
  const int directory = ::open(DirectoryOf(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return {};  // a directory may be writable but not readable
  const int synced = ::fsync(directory);
  const int error = errno;
  ::close(directory);
  if (synced != 0 && error != EINVAL && error != EROFS)
    return Fail(ErrorCode::kIo,
                fmt::format("{}: syncing its directory failed: {}", path_, std::strerror(error)));
  return {};
}

}  // namespace sluice
