#include "kernels/checkasm/guarded.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sluice::kernels::checkasm {

constexpr int64_t kHuge = 32 << 20;  // from here on, huge pages are asked for

Guarded::Guarded(int64_t bytes) : size_(bytes) {
  const int64_t page = sysconf(_SC_PAGESIZE), inside = (bytes + page - 1) / page * page;
  mapped_ = inside + 2 * page;
  void* base = mmap(nullptr, static_cast<size_t>(mapped_), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED || mprotect(static_cast<std::byte*>(base) + page, static_cast<size_t>(inside),
                                     PROT_READ | PROT_WRITE) != 0) {
    std::perror("guarded memory");
    std::abort();
  }
  if (bytes >= kHuge) madvise(base, static_cast<size_t>(mapped_), MADV_HUGEPAGE);
  base_ = static_cast<std::byte*>(base);
  data_ = base_ + page + inside - bytes;
  Poison();
}

Guarded::~Guarded() { munmap(base_, static_cast<size_t>(mapped_)); }

void Guarded::Poison() { std::memset(data_, 0xa5, static_cast<size_t>(size_)); }

}  // namespace sluice::kernels::checkasm
