#include "base/arena.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace sluice {

Result<Arena> Arena::Reserve(int64_t bytes) {
  Arena arena;
  if (bytes <= 0) return arena;
  void* data = ::mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED)
    return Fail(ErrorCode::kOs, fmt::format("{:.2f} GB of memory cannot be reserved: {}", bytes / 1e9, std::strerror(errno)),
                "use a smaller model, a shorter context (--ctx) or a machine with more memory");
  ::madvise(data, static_cast<size_t>(bytes), MADV_HUGEPAGE);
  arena.data_ = static_cast<std::byte*>(data);
  arena.size_ = bytes;
  return arena;
}

Arena::Arena(Arena&& other) noexcept { *this = std::move(other); }

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(used_, other.used_);
  return *this;
}

Arena::~Arena() {
  if (data_ != nullptr) ::munmap(data_, static_cast<size_t>(size_));
}

std::byte* Arena::Take(int64_t bytes, int64_t alignment) {
  const int64_t start = RoundUp(used_, alignment);
  if (start + bytes > size_) std::abort();
  used_ = start + bytes;
  return data_ + start;
}

}  // namespace sluice
