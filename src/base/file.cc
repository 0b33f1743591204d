#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice {
namespace {

struct FdCloser {
  int fd;
  ~FdCloser() { ::close(fd); }
};

ErrorCode CodeForErrno(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return ErrorCode::kPermission;
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case ENXIO:  // a socket
      return ErrorCode::kMissing;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return ErrorCode::kOs;
    default:
      return ErrorCode::kIo;
  }
}

}  // namespace

Result<MappedFile> MappedFile::Open(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    const int error = errno;
    return Fail(CodeForErrno(error), fmt::format("{}: cannot be opened: {}", path, std::strerror(error)),
                error == ENOENT ? "check the path" : "");
  }
  const FdCloser closer{fd};
  struct stat st{};
  if (::fstat(fd, &st) != 0)
    return Fail(CodeForErrno(errno), fmt::format("{}: cannot be examined: {}", path, std::strerror(errno)));
  if (!S_ISREG(st.st_mode))
    return Fail(ErrorCode::kMissing, fmt::format("{}: is {}, not a regular file", path,
                                                 S_ISDIR(st.st_mode) ? "a directory" : "a device or pipe"));
  MappedFile file;
  file.path_ = path;
  const size_t size = static_cast<size_t>(st.st_size);
  if (size == 0) return file;
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED)
    return Fail(ErrorCode::kOs,
                fmt::format("{}: {} bytes cannot be mapped: {}", path, size, std::strerror(errno)));
  file.bytes_ = {static_cast<const std::byte*>(data), size};
  file.owner_ =
      std::shared_ptr<const void>(data, [size](const void* p) { ::munmap(const_cast<void*>(p), size); });
  return file;
}

MappedFile MappedFile::Part(size_t offset, size_t size, std::string name) const {
  MappedFile part = *this;
  part.path_ = std::move(name);
  part.bytes_ = bytes_.subspan(offset, size);
  return part;
}

MappedFile MappedFile::FromStatic(std::span<const std::byte> bytes, std::string name) {
  MappedFile file;
  file.path_ = std::move(name);
  file.bytes_ = bytes;
  return file;
}

MappedFile MappedFile::FromOwned(std::string bytes, std::string name) {
  auto owned = std::make_shared<const std::string>(std::move(bytes));
  MappedFile file = FromStatic(std::as_bytes(std::span(*owned)), std::move(name));
  file.owner_ = owned;
  return file;
}

}  // namespace sluice
