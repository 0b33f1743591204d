#include "base/arena.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/machine_memory.h"

namespace sluice {
namespace {

std::atomic<int64_t> reserved_bytes{0};  // of all arenas

constexpr const char* kHint = "use a smaller model, a shorter context (--ctx) or a machine with more memory";

// Address space is free, so the kernel refuses nothing: it ends the process when the memory is touched.
Status Admit(int64_t bytes) {
  const int64_t machine = MachineMemory();
  int64_t others = reserved_bytes;
  do {
    if (bytes > machine - others)
      return Fail(
          ErrorCode::kOs,
          fmt::format(
              "{:.2f} GB of memory are needed: {:.2f} GB are reserved already and there are {:.2f} GB",
              bytes / 1e9, others / 1e9, machine / 1e9),
          kHint);
  } while (!reserved_bytes.compare_exchange_weak(others, others + bytes));
  return {};
}

}  // namespace

Result<Arena> Arena::Reserve(int64_t bytes) {
  Arena arena;
  if (bytes <= 0) return arena;
  SLUICE_CHECK_OK(Admit(bytes));
  void* data = ::mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    reserved_bytes -= bytes;
    return Fail(ErrorCode::kOs,
                fmt::format("{:.2f} GB of memory cannot be reserved: {}", bytes / 1e9, std::strerror(errno)),
                kHint);
  }
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
  if (data_ == nullptr) return;
  ::munmap(data_, static_cast<size_t>(size_));
  reserved_bytes -= size_;
}

std::byte* Arena::Take(int64_t bytes, int64_t alignment) {
  const int64_t start = RoundUp(used_, alignment);
  if (bytes < 0 || start > size_ || bytes > size_ - start) std::abort();
  used_ = start + bytes;
  return data_ + start;
}

}  // namespace sluice
