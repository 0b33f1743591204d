// How one token's activations are laid out for a matrix product.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::kernels {

enum class ActType : uint8_t {
  kF32,         // k floats
  kQ8x32,       // 8-bit codes, one float scale per 32: for weight types with a float scale per 32
  kQ8x256,      // 8-bit codes, one float scale per 256: for weight types with integer sub-scales per 256
  kQ8x32Twice,  // two rows of kQ8x32, one after the other, whose products are added: what the first leaves
                // over is the second, which makes 16 bits
};
inline constexpr int kActTypes = 4;

// A quantised row is arrays, one after the other, each starting on a multiple of 64 bytes:
//   int8  code[k]        x[i] ~ scale[i / block] * code[i], |code| <= 127
//   float scale[k/block] block = 32 or 256
//   int16 sum[k/16]      sum of 16 consecutive codes, for weight types with a minimum or an offset
//   int16 sum32[k/32]    the same of 32; blocks of 256 only
// k is a multiple of the block.
struct ActLayout {
  int64_t k;
  int block;

  static constexpr int64_t Align(int64_t n) { return (n + 63) / 64 * 64; }
  int64_t scales_at() const { return Align(k); }
  int64_t sums_at() const { return scales_at() + Align(k / block * 4); }
  int64_t sums32_at() const { return sums_at() + Align(k / 16 * 2); }
  int64_t bytes() const { return sums32_at() + (block == 256 ? Align(k / 32 * 2) : 0); }
};

// A block whose largest magnitude is below this has scale 0 and codes 0; above it, 127 / magnitude is finite.
inline constexpr float kTinyBlock = 0x1p-119f;

constexpr int BlockOf(ActType type) { return type == ActType::kQ8x256 ? 256 : 32; }

// Bytes of one row, a multiple of 64.
inline int64_t ActRowBytes(ActType type, int64_t k) {
  if (type == ActType::kF32) return ActLayout::Align(k * 4);
  return ActLayout{k, BlockOf(type)}.bytes() * (type == ActType::kQ8x32Twice ? 2 : 1);
}

}  // namespace sluice::kernels
