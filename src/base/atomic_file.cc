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
#include <optional>
#include <utility>

namespace sluice {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;
constexpr char kTemporary[] = ".partial-XXXXXX";

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool IsFull(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

std::optional<uint64_t> FreeBytes(int fd) {
  struct statvfs fs{};
  if (fd < 0 || ::fstatvfs(fd, &fs) != 0) return std::nullopt;
  return uint64_t{fs.f_bavail} * uint64_t{fs.f_frsize};
}

mode_t CreationMode() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

std::string LinkOf(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

// A file that has no name and can be given one; -1 where the file system or the machine lacks such.
int OpenUnnamed(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (fd >= 0 && ::access(LinkOf(fd).c_str(), F_OK) == 0) return fd;
  if (fd >= 0) ::close(fd);
  return -1;
}

}  // namespace

Result<AtomicFile> AtomicFile::Create(const std::string& path, uint64_t expected_size, Naming naming) {
  AtomicFile file;
  file.path_ = path;
  file.expected_size_ = expected_size;
  struct stat st{};
  if (::stat(path.c_str(), &st) == 0 && !S_ISREG(st.st_mode))
    return Fail(ErrorCode::kCantCreate, fmt::format("{}: exists and is not a regular file", path),
                "choose another name");
  SLUICE_CHECK_OK(file.Open(naming));
  SLUICE_CHECK_OK(file.Reserve());
  return file;
}

Status AtomicFile::Open(Naming naming) {
  if (naming == Naming::kUnnamedIfPossible) fd_ = OpenUnnamed(DirectoryOf(path_));
  if (fd_ >= 0) return {};
  temporary_path_ = path_ + kTemporary;
  fd_ = ::mkostemp(temporary_path_.data(), O_CLOEXEC);
  if (fd_ < 0) {
    const int error = errno;
    const bool denied = error == EACCES || error == EPERM || error == EROFS;
    return Fail(denied ? ErrorCode::kPermission : ErrorCode::kCantCreate,
                fmt::format("{}: cannot be created: {}", path_, std::strerror(error)),
                "check the directory and its rights");
  }
  ::fchmod(fd_, CreationMode());
  return {};
}

// Where the file system cannot reserve, what it says to be free has to do.
Status AtomicFile::Reserve() {
  if (expected_size_ == 0) return {};
  const std::optional<uint64_t> free = FreeBytes(fd_);
  if (::fallocate(fd_, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(expected_size_)) == 0) return {};
  const int error = errno;
  if (IsFull(error)) return Failed(error, "reserving space", free);
  if (free && *free < expected_size_) return Failed(ENOSPC, "reserving space", free);
  return {};
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
  if (!temporary_path_.empty()) ::unlink(temporary_path_.c_str());
}

tl::unexpected<Error> AtomicFile::Failed(int error, const char* doing) {
  return Failed(error, doing, FreeBytes(fd_));
}

tl::unexpected<Error> AtomicFile::Failed(int error, const char* doing, std::optional<uint64_t> free) {
  std::string numbers =
      fmt::format("{} bytes are needed, {} are written", std::max(expected_size_, written_), on_disk_);
  if (free) numbers += fmt::format(", {} are free", *free);
  Discard();
  return Fail(
      ErrorCode::kIo, fmt::format("{}: {} failed: {} ({})", path_, doing, std::strerror(error), numbers),
      IsFull(error) ? "free some space or write to another disk; no partial file is left" : "check the disk");
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

// The name itself if it is free. A link cannot replace a file: then a temporary one, for a rename.
Status AtomicFile::TakeName() {
  const std::string self = LinkOf(fd_);
  if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW) == 0) return {};
  for (int tries = 0; errno == EEXIST && tries < 100; ++tries) {
    // A name that nobody has: of a file made for it, and removed again.
    std::string name = path_ + kTemporary;
    const int placeholder = ::mkostemp(name.data(), O_CLOEXEC);
    if (placeholder < 0) break;
    ::close(placeholder);
    ::unlink(name.c_str());
    if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0) continue;
    temporary_path_ = std::move(name);
    return {};
  }
  return Failed(errno, "naming");
}

Status AtomicFile::Commit() {
  SLUICE_CHECK_OK(Flush());
  // Gives back what was reserved beyond the end.
  if (on_disk_ < expected_size_ && ::ftruncate(fd_, static_cast<off_t>(on_disk_)) != 0)
    return Failed(errno, "trimming");
  if (::fsync(fd_) != 0) return Failed(errno, "syncing");
  if (temporary_path_.empty()) SLUICE_CHECK_OK(TakeName());
  if (!temporary_path_.empty() && ::rename(temporary_path_.c_str(), path_.c_str()) != 0)
    return Failed(errno, "renaming");
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
