#include "kernels/blocks/codebooks.h"
#include "kernels/blocks/encoders.h"
#include "kernels/blocks/search.h"

namespace sluice::kernels::blocks {
namespace {

// Codes by half steps: entry i is the level nearest to anything in [i / 2 - 128, i / 2 - 127.5). Every
// midpoint of two levels is a multiple of one half, so this is exact.
constexpr std::array<uint8_t, 512> NearestCodes() {
  std::array<uint8_t, 512> table{};
  for (int i = 0; i < 512; ++i) {
    const double v = 0.5 * i - 127.75;
    int best = 0;
    for (int code = 1; code < 16; ++code)
      if (v * 2 > kLevelsIQ4[static_cast<size_t>(code - 1)] + kLevelsIQ4[static_cast<size_t>(code)])
        best = code;
    table[static_cast<size_t>(i)] = static_cast<uint8_t>(best);
  }
  return table;
}
constexpr std::array<uint8_t, 512> kNearest = NearestCodes();

struct GridIQ4 {
  static constexpr float kLow = -127.0f, kHigh = 113.0f;
  static constexpr float kSpacing = 20.0f;
  static uint8_t Code(float v) {
    return kNearest[static_cast<size_t>((std::clamp(v, -128.0f, 127.5f) + 128.0f) * 2.0f)];
  }
  static float Level(float v) { return static_cast<float>(kLevelsIQ4[Code(v)]); }
  static Lanes Level(Lanes v) { return Lanes{Level(v[0]), Level(v[1]), Level(v[2]), Level(v[3])}; }
};

template <typename Code>
void PackLevels(Code code, uint8_t* q) {
  for (int j = 0; j < 16; ++j) q[j] = static_cast<uint8_t>(code(j) | code(j + 16) << 4);
}

}  // namespace

void Encode(const float* x, const float* weights, IQ4_NL& b) {
  const float d = ToHalf(FitScale<GridIQ4>(x, weights, 32));
  b.d.set(d);
  PackLevels([&](int j) { return GridIQ4::Code(d == 0.0f ? 0.0f : x[j] / d); }, b.q);
}

void Encode(const float* x, const float* weights, IQ4_XS& b) {
  const ScaledSuperblock<GridIQ4, 8, 32, -32, 31> fit(x, weights);
  b = {};
  b.d.set(fit.d);
  uint16_t high = 0;
  for (int i = 0; i < 8; ++i) {
    const int code = fit.scale[i] + 32;
    b.scales_low[i / 2] = static_cast<uint8_t>(b.scales_low[i / 2] | (code & 15) << 4 * (i % 2));
    high = static_cast<uint16_t>(high | (code >> 4) << 2 * i);
    PackLevels([&](int j) { return GridIQ4::Code(fit.Level(32 * i + j)); }, b.q + 16 * i);
  }
  b.scales_high.set(high);
}

}  // namespace sluice::kernels::blocks
