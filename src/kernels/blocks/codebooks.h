// Level tables and grids of the types whose codes are looked up.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace sluice::kernels::blocks {

// IQ4_NL and IQ4_XS.
inline constexpr std::array<int8_t, 16> kLevelsIQ4 = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                      1,    13,   25,  38,  53,  69,  89,  113};
// FP4 e2m1, doubled (MXFP4, NVFP4).
inline constexpr std::array<int8_t, 16> kLevelsE2M1 = {0, 1,  2,  3,  4,  6,  8,  12,
                                                       0, -1, -2, -3, -4, -6, -8, -12};

// Magnitudes that the grids' level numbers stand for.
inline constexpr std::array<int8_t, 4> kLevelsIQ2 = {8, 25, 43, 0};
inline constexpr std::array<int8_t, 8> kLevelsIQ3_XXS = {4, 12, 20, 28, 36, 44, 52, 62};
inline constexpr std::array<int8_t, 8> kLevelsIQ3_S = {1, 3, 5, 7, 9, 11, 13, 15};

// Groups of eight, 2 bits each. IQ1's level numbers minus one are the values -1, 0, 1.
extern const std::array<uint16_t, 256> kGridIQ2_XXS;
extern const std::array<uint16_t, 512> kGridIQ2_XS;
extern const std::array<uint16_t, 1024> kGridIQ2_S;
extern const std::array<uint16_t, 2048> kGridIQ1;
// Groups of four, 3 bits each.
extern const std::array<uint16_t, 256> kGridIQ3_XXS;
extern const std::array<uint16_t, 512> kGridIQ3_S;

// Seven stored sign bits stand for eight: the number of minus signs is even.
constexpr uint8_t EvenSigns(uint32_t seven) {
  return static_cast<uint8_t>(seven | (static_cast<uint32_t>(std::popcount(seven)) & 1) << 7);
}

}  // namespace sluice::kernels::blocks
