// Memory between two pages that must not be touched: a read or write outside of it crashes at once.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::kernels::checkasm {

class Guarded {
 public:
  // The last byte is the last of its page, if `bytes` is a multiple of the alignment wanted; filled with
  // 0xa5.
  explicit Guarded(int64_t bytes);
  ~Guarded();
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  std::byte* data() const { return data_; }
  int64_t size() const { return size_; }
  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }
  void Poison();

 private:
  std::byte* base_;
  std::byte* data_;
  int64_t size_, mapped_;
};

}  // namespace sluice::kernels::checkasm
