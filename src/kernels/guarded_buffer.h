// Test support: memory that ends where an unreadable page begins, so that a kernel cannot read past its data
// unseen.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "kernels/table.h"

namespace sluice::kernels {

// n elements, the last one just before the unreadable page. The bytes before them are 0xff: NaN in every
// float type.
template <class T>
class GuardedBuffer {
 public:
  explicit GuardedBuffer(size_t n) : n_(n) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    readable_ = (n * sizeof(T) + page - 1) / page * page;
    void* memory =
        mmap(nullptr, readable_ + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    memory_ = static_cast<std::byte*>(memory);
    std::memset(memory_, 0xff, readable_);
    if (mprotect(memory_ + readable_, page, PROT_NONE) != 0) std::abort();
    mapped_ = readable_ + page;
  }
  explicit GuardedBuffer(const std::vector<T>& values) : GuardedBuffer(values.size()) {
    if (n_ > 0) std::memcpy(data(), values.data(), n_ * sizeof(T));
  }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;
  ~GuardedBuffer() { munmap(memory_, mapped_); }

  T* data() { return reinterpret_cast<T*>(memory_ + readable_ - n_ * sizeof(T)); }
  std::vector<T> values() { return {data(), data() + n_}; }
  // Whether nothing was written before the data.
  bool UntouchedBefore() {
    for (const std::byte* p = memory_; p < reinterpret_cast<std::byte*>(data()); ++p) {
      if (*p != std::byte{0xff}) return false;
    }
    return true;
  }

 private:
  size_t n_, readable_, mapped_;
  std::byte* memory_;
};

inline std::vector<Isa> SupportedTiers() {
  std::vector<Isa> tiers;
  for (Isa isa : kAllIsas) {
    if (Supported(isa)) tiers.push_back(isa);
  }
  return tiers;
}

// Index of the first element whose bits differ, or -1. Any NaN equals any NaN.
inline int64_t FirstDifference(std::span<const float> a, std::span<const float> b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] != a[i] && b[i] != b[i]) continue;
    if (std::memcmp(&a[i], &b[i], sizeof(float)) != 0) return static_cast<int64_t>(i);
  }
  return -1;
}

}  // namespace sluice::kernels
