// Sixteen bytes for byte shuffles, made while compiling. For tier files only.
#pragma once

#include <cstdint>

#include "kernels/blocks/codebooks.h"

namespace sluice::kernels {
namespace {

struct ByteTable {
  alignas(16) uint8_t value[16];
};

consteval ByteTable LevelsPlus(const std::array<int8_t, 16>& levels, int offset) {
  ByteTable table{};
  for (int i = 0; i < 16; ++i) table.value[i] = static_cast<uint8_t>(levels[i] + offset);
  return table;
}

// Picks bytes `first` and `second` of each 32-bit lane into its 16-bit halves: the upper byte of a half if
// signed, so that an arithmetic shift completes them.
consteval ByteTable PickPair(int first, int second, bool is_signed) {
  ByteTable table{};
  for (int i = 0; i < 16; ++i) {
    const int source = i % 4 < 2 ? first : second;
    table.value[i] = static_cast<uint8_t>((i % 2 == 1) == is_signed ? i / 4 * 4 + source : 0x80);
  }
  return table;
}

template <int kFirst, int kSecond, bool kSigned>
constexpr ByteTable kPickPair = PickPair(kFirst, kSecond, kSigned);

}  // namespace
}  // namespace sluice::kernels
