// Large memory that lives as long as a model: mapped, zeroed, aligned to pages, in huge pages where the
// system agrees.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace sluice {

class Arena {
 public:
  // Reserves address space; memory is taken as it is touched. kOs with the numbers if all arenas together
  // would not fit the machine, or if the system refuses.
  static Result<Arena> Reserve(int64_t bytes);
  Arena() = default;
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;
  ~Arena();

  std::byte* data() const { return data_; }
  int64_t size() const { return size_; }

  // The next `bytes`, aligned. The caller reserved enough: running over is our own bug.
  std::byte* Take(int64_t bytes, int64_t alignment = 64);

 private:
  std::byte* data_ = nullptr;
  int64_t size_ = 0;
  int64_t used_ = 0;
};

constexpr int64_t RoundUp(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

}  // namespace sluice
