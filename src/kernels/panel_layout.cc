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
    {{DType::kIQ2_XXS, ActType::kQ8x256, 256}, 0, {}},
    {{DType::kIQ2_XS, ActType::kQ8x256, 256}, 0, {}},
    {{DType::kIQ2_S, ActType::kQ8x256, 256}, 0, {}},
    {{DType::kIQ3_XXS, ActType::kQ8x256, 256}, 0, {}},
    {{DType::kIQ3_S, ActType::kQ8x256, 256}, 0, {}},
    {{DType::kIQ1_S, ActType::kQ8x256, 256}, 0, {}},
    {{DType::kIQ1_M, ActType::kQ8x256, 256}, 0, {}},
    {{DType::kTQ1_0, ActType::kQ8x256, 256}, 0, {}},
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

int64_t PanelLayout::bytes(int64_t k) const {
  if (bits == 0) return ActLayout::Align(k / block() * kPanelRows * block_bytes());
  return CodesAt(k, k / 32);
}

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

void StoreCodes(std::byte* vectors, int bits, int row, const uint8_t* codes) {
  uint32_t quads[8];
  std::memcpy(quads, codes, 32);
  ForEachPlane(bits, [&](int plane, int width, int low) {
    const uint32_t mask = ((1u << width) - 1) * 0x01010101u;
    for (int q = 0; q < 8; ++q) {
      std::byte* at = vectors + plane + q * width / 8 * 64 + row * 4;
      uint32_t word;
      std::memcpy(&word, at, 4);
      word |= (quads[q] >> low & mask) << q * width % 8;
      std::memcpy(at, &word, 4);
    }
  });
}

}  // namespace sluice::kernels
