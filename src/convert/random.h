// Random numbers that are the same on every machine.
#pragma once

#include <cstdint>

namespace sluice::convert {

// SplitMix64. Streams with different seeds are independent enough for weights that mean nothing.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u) {}

  uint64_t Next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // [0, n), n < 2^32
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>((Next() >> 32) * n >> 32); }

  // Mean 0, variance 1, close to normal: the sum of twelve uniform numbers.
  float Normal() {
    uint64_t sum = 0;
    for (int i = 0; i < 3; ++i) {
      const uint64_t r = Next();
      sum += (r & 0xffff) + (r >> 16 & 0xffff) + (r >> 32 & 0xffff) + (r >> 48);
    }
    return (static_cast<float>(sum) - 6 * 65535.0f) / 65535.0f;
  }

 private:
  uint64_t state_;
};

}  // namespace sluice::convert
