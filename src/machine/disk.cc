#include "machine/disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "base/arena.h"

namespace sluice::machine {
namespace {

constexpr int64_t kLeastBytes = int64_t{64} << 20, kOwnBytes = int64_t{256} << 20;
constexpr int64_t kSequentialRead = int64_t{4} << 20, kRandomRead = int64_t{1} << 20;
constexpr int kReaders = 4;
constexpr double kSeconds = 0.5;  // for each way of reading

ErrorCode CodeOf(int error) {
  if (error == EACCES || error == EPERM) return ErrorCode::kPermission;
  return error == ENOENT ? ErrorCode::kMissing : ErrorCode::kIo;
}

tl::unexpected<Error> Failed(const std::string& path, const char* doing, int error) {
  return Fail(CodeOf(error), fmt::format("{}: {}: {}", path, doing, std::strerror(error)),
              "name a folder that may be written to, or a large file");
}

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

// A file without a name, synced, with content that no file system can leave out.
Result<Descriptor> WriteOwnFile(const std::string& folder) {
  Descriptor file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file.ok()) return Failed(folder, "a temporary file cannot be created", errno);
  std::vector<uint64_t> block(kSequentialRead / sizeof(uint64_t));
  std::mt19937_64 random(1);
  std::ranges::generate(block, random);
  for (int64_t at = 0; at < kOwnBytes; at += kSequentialRead)
    if (::pwrite(file.get(), block.data(), kSequentialRead, at) != kSequentialRead)
      return Failed(folder, "writing a temporary file", errno != 0 ? errno : ENOSPC);
  if (::fdatasync(file.get()) != 0) return Failed(folder, "writing a temporary file", errno);
  return file;
}

// The same file past the page cache, where its file system can do that.
Descriptor OpenDirect(const Descriptor& file) {
  return Descriptor(
      ::open(fmt::format("/proc/self/fd/{}", file.get()).c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
}

// Reads of `size` bytes at the offsets, until they or the time are used up; several under way. Bytes a
// second.
Result<double> Read(int fd, const std::vector<int64_t>& offsets, int64_t size, const std::string& path) {
  using Clock = std::chrono::steady_clock;
  SLUICE_TRY(const Arena buffers, Arena::Reserve(kReaders * size));
  std::atomic<size_t> next{0};
  std::atomic<int64_t> bytes{0};
  std::atomic<int> error{0};
  const Clock::time_point start = Clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  const auto read = [&](int reader) {
    for (size_t i = next++; i < offsets.size() && seconds() < kSeconds; i = next++) {
      const ssize_t got = ::pread(fd, buffers.data() + reader * size, static_cast<size_t>(size), offsets[i]);
      if (got < 0) error = errno;
      if (got <= 0) return;
      bytes += got;
    }
  };
  {
    std::vector<std::jthread> readers;
    for (int reader = 0; reader < kReaders; ++reader) readers.emplace_back(read, reader);
  }
  if (error != 0) return Failed(path, "reading", error);
  return static_cast<double>(bytes) / seconds();
}

std::vector<int64_t> Offsets(int64_t file_bytes, int64_t size) {
  std::vector<int64_t> offsets;
  for (int64_t at = 0; at + size <= file_bytes; at += size) offsets.push_back(at);
  return offsets;
}

}  // namespace

Result<DiskRates> MeasureDisk(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) return Failed(path, "cannot be looked at", errno);
  DiskRates rates{.path = path, .own_file = S_ISDIR(status.st_mode)};
  Descriptor file;
  int64_t bytes = kOwnBytes;
  if (rates.own_file) {
    SLUICE_TRY(file, WriteOwnFile(path));
  } else {
    if (!S_ISREG(status.st_mode) || status.st_size < kLeastBytes)
      return Fail(ErrorCode::kUsage,
                  fmt::format("{} is too small or no file: {:.0f} MB are needed to measure a disk", path,
                              kLeastBytes / 1e6),
                  "name a larger file or a folder");
    file = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.ok()) return Failed(path, "cannot be opened", errno);
    bytes = status.st_size;
  }
  const Descriptor direct = OpenDirect(file);
  rates.direct = direct.ok();
  const int fd = direct.ok() ? direct.get() : file.get();
  const auto drop = [&] { return ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED); };
  drop();
  SLUICE_TRY(rates.sequential, Read(fd, Offsets(bytes, kSequentialRead), kSequentialRead, path));
  std::vector<int64_t> shuffled = Offsets(bytes, kRandomRead);
  std::ranges::shuffle(shuffled, std::mt19937(1));
  drop();
  SLUICE_TRY(rates.random, Read(fd, shuffled, kRandomRead, path));
  return rates;
}

}  // namespace sluice::machine
