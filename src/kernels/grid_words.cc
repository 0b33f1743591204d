#include "kernels/grid_words.h"

#include "kernels/blocks/codebooks.h"

namespace sluice::kernels {
namespace {

using namespace blocks;

// All grids' words, one grid after the other.
struct WordGrids {
  alignas(64) uint16_t iq2_xxs[256], iq2_xs[512], iq2_s[1024], iq1[2048], iq3_xxs[256], iq3_s[512];
  uint16_t behind = 0;

  WordGrids() {
    const auto fill = [](const auto& grid, auto nibble, uint16_t* out) {
      for (const uint16_t entry : grid)
        *out++ = static_cast<uint16_t>(nibble(entry, 0) | nibble(entry, 2) << 4 | nibble(entry, 1) << 8 |
                                       nibble(entry, 3) << 12);
    };
    const auto two = [](int entry, int j) { return (entry >> 2 * j & 3) | (entry >> 2 * (4 + j) & 3) << 2; };
    const auto one = [](int entry, int j) { return entry >> 3 * j & 7; };
    fill(kGridIQ2_XXS, two, iq2_xxs);
    fill(kGridIQ2_XS, two, iq2_xs);
    fill(kGridIQ2_S, two, iq2_s);
    fill(kGridIQ1, two, iq1);
    fill(kGridIQ3_XXS, one, iq3_xxs);
    fill(kGridIQ3_S, one, iq3_s);
  }
};

}  // namespace

const uint16_t* GridWords(DType dtype) {
  static const WordGrids grids;
  switch (dtype) {
    case DType::kIQ2_XXS:
      return grids.iq2_xxs;
    case DType::kIQ2_XS:
      return grids.iq2_xs;
    case DType::kIQ2_S:
      return grids.iq2_s;
    case DType::kIQ3_XXS:
      return grids.iq3_xxs;
    case DType::kIQ3_S:
      return grids.iq3_s;
    case DType::kIQ1_S:
    case DType::kIQ1_M:
      return grids.iq1;
    default:
      return nullptr;
  }
}

}  // namespace sluice::kernels
