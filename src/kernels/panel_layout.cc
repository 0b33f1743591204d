#include "kernels/panel_layout.h"

#include <cstring>

namespace sluice::kernels {
namespace {

constexpr PanelLayout kLayouts[] = {
    {{DType::kQ8_0, ActType::kQ8x32, 32}, 8, {{0, 2}}},
    {{DType::kQ4_0, ActType::kQ8x32, 32}, 4, {{0, 2}}},
    {{DType::kQ4_1, ActType::kQ8x32, 32}, 4, {{0, 2}, {2, 2}}},
    {{DType::kQ5_0, ActType::kQ8x32, 32}, 5, {{0, 2}}},
    {{DType::kQ5_1, ActType::kQ8x32, 32}, 5, {{0, 2}, {2, 2}}},
    {{DType::kIQ4_NL, ActType::kQ8x32, 32}, 4, {{0, 2}}},
    {{DType::kMXFP4, ActType::kQ8x32, 32}, 4, {{0, 1}}},
    {{DType::kQ2_K, ActType::kQ8x256, 256}, 2, {{0, 4}, {4, 4}, {8, 4}, {12, 4}, {80, 2}, {82, 2}}},
    {{DType::kQ3_K, ActType::kQ8x256, 256}, 3, {{96, 4}, {100, 4}, {104, 4}, {108, 2}}},
    {{DType::kQ4_K, ActType::kQ8x256, 256}, 4, {{4, 4}, {8, 4}, {12, 4}, {0, 2}, {2, 2}}},
    {{DType::kQ5_K, ActType::kQ8x256, 256}, 5, {{4, 4}, {8, 4}, {12, 4}, {0, 2}, {2, 2}}},
    {{DType::kQ6_K, ActType::kQ8x256, 256}, 6, {{192, 4}, {196, 4}, {200, 4}, {204, 4}, {208, 2}}},
    {{DType::kIQ4_XS, ActType::kQ8x256, 256}, 4, {{4, 4}, {0, 2}, {2, 2}}},
    {{DType::kIQ2_XXS, ActType::kQ8x256, 256}, 0, {{0, 4}, {4, 2}}, {1, 0, 7}},
    {{DType::kIQ2_XS, ActType::kQ8x256, 256}, 0, {{0, 4}, {4, 4}, {8, 2}}, {1, 1, 7}},
    {{DType::kIQ2_S, ActType::kQ8x256, 256}, 0, {{0, 4}, {4, 4}, {8, 2}}, {1, 2, 8}},
    {{DType::kIQ3_XXS, ActType::kQ8x256, 256}, 0, {{0, 4}, {4, 2}}, {2, 0, 7}},
    {{DType::kIQ3_S, ActType::kQ8x256, 256}, 0, {{0, 4}, {4, 2}}, {2, 1, 8}},
    {{DType::kIQ1_S, ActType::kQ8x256, 256}, 0, {{0, 4}, {4, 2}}, {1, 3, 0}},
    {{DType::kIQ1_M, ActType::kQ8x256, 256}, 0, {{0, 4}, {4, 2}, {6, 2}}, {1, 4, 0}},
    {{DType::kTQ1_0, ActType::kQ8x256, 256},
     0,
     {{0, 4}, {4, 4}, {8, 4}, {12, 4}, {16, 4}, {20, 2}},
     {1, 0, 0}},
    {{DType::kTQ2_0, ActType::kQ8x256, 256}, 2, {{64, 2}}},
};

// Calls visit(first byte of the plane, width, bit of the code that the plane starts with).
template <typename Visit>
void ForEachPlane(int bits, Visit visit) {
  int plane = 0, low = 0;
  for (int width = 8; width > 0; width /= 2) {
    if (!(bits & width)) continue;
    visit(plane * 64, width, low);
    plane += width;
    low += width;
  }
}

}  // namespace

const PanelLayout* FindPanelLayout(DType dtype) {
  for (const PanelLayout& layout : kLayouts)
    if (layout.dtype() == dtype) return &layout;
  return nullptr;
}

void LoadCodes(const std::byte* vectors, int bits, int row, uint8_t* codes) {
  uint32_t quads[8] = {};
  ForEachPlane(bits, [&](int plane, int width, int low) {
    const uint32_t mask = ((1u << width) - 1) * 0x01010101u;
    for (int q = 0; q < 8; ++q) {
      uint32_t word;
      std::memcpy(&word, vectors + plane + q * width / 8 * 64 + row * 4, 4);
      quads[q] |= (word >> q * width % 8 & mask) << low;
    }
  });
  std::memcpy(codes, quads, 32);
}

namespace {

// One plane of kWidth bits, which start at bit kLow of a code; the planes after it follow. Eight quads fill
// kWidth words, one in each vector.
template <int kBits, int kWidth, int kLow>
void StorePlanes(std::byte* at, const uint32_t* quads) {
  if constexpr (kWidth > 0 && (kBits & kWidth) == 0) {
    StorePlanes<kBits, kWidth / 2, kLow>(at, quads);
  } else if constexpr (kWidth > 0) {
    constexpr uint32_t kMask = ((1u << kWidth) - 1) * 0x01010101u;
    constexpr int kQuads = 8 / kWidth;
#pragma GCC unroll 8
    for (int v = 0; v < kWidth; ++v) {
      uint32_t word = 0;
#pragma GCC unroll 8
      for (int q = 0; q < kQuads; ++q) word |= (quads[v * kQuads + q] >> kLow & kMask) << q * kWidth;
      std::memcpy(at + v * 64, &word, 4);
    }
    StorePlanes<kBits, kWidth / 2, kLow + kWidth>(at + kWidth * 64, quads);
  }
}

template <int kBits>
void Store(std::byte* at, const uint8_t* codes) {
  uint32_t quads[8];
  std::memcpy(quads, codes, 32);
  StorePlanes<kBits, 8, 0>(at, quads);
}

}  // namespace

void StoreCodes(std::byte* vectors, int bits, int row, const uint8_t* codes) {
  std::byte* at = vectors + row * 4;
  switch (bits) {
    case 1:
      return Store<1>(at, codes);
    case 2:
      return Store<2>(at, codes);
    case 3:
      return Store<3>(at, codes);
    case 4:
      return Store<4>(at, codes);
    case 5:
      return Store<5>(at, codes);
    case 6:
      return Store<6>(at, codes);
    case 8:
      return Store<8>(at, codes);
  }
}

}  // namespace sluice::kernels
