// Searches for the scales of a block with the least weighted squared error. Inputs are finite.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/float16.h"

namespace sluice::kernels::blocks {

inline constexpr float kNothing = 1e-30f;  // magnitudes below this are encoded as zero

// Four floats in one register, on any CPU.
using Lanes = float __attribute__((vector_size(16)));
inline constexpr int kLanes = 4;

inline Lanes LoadLanes(const float* p) {
  Lanes v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline float Total(Lanes v) { return (v[0] + v[2]) + (v[1] + v[3]); }

// The nearest integer within [low, high]; ties to even. Adding 1.5 * 2^23 leaves the integer in the low bits.
template <typename T>
T ClampToInt(T v, float low, float high) {
  constexpr float kMagic = 12582912.0f;
  const T lowest = T{} + low, highest = T{} + high;
  v = v > lowest ? v : lowest;
  v = v < highest ? v : highest;
  return (v + kMagic) - kMagic;
}

// As a file will hold it: saturates, and a number that is too small becomes the smallest one, since the
// integers that it multiplies can make up for its size.
inline float ToHalf(float v) {
  const float half = F16ToFloat(FloatToF16(std::clamp(v, -65504.0f, 65504.0f)));
  return half == 0.0f && v != 0.0f ? std::copysign(0x1p-24f, v) : half;
}

// Levels kLowest..kHighest, one apart. A grid rounds x / scale to one of its levels.
template <int kLowest, int kHighest>
struct IntegerGrid {
  static constexpr float kLow = kLowest, kHigh = kHighest;
  static constexpr float kSpacing = 1.0f;  // between the outermost levels
  template <typename T>                    // float or Lanes
  static T Level(T v) {
    return ClampToInt(v, kLow, kHigh);
  }
};

struct ScaleSums {
  float xq = 0, qq = 0;  // sum of w x level, w level^2
};

template <typename Grid>
ScaleSums SumsAt(const float* x, const float* w, int n, float inverse_scale) {
  Lanes xq = {}, qq = {};
  for (int j = 0; j < n; j += kLanes) {
    const Lanes value = LoadLanes(x + j);
    const Lanes level = Grid::Level(value * inverse_scale);
    const Lanes weighted = LoadLanes(w + j) * level;
    xq += weighted * value;
    qq += weighted * level;
  }
  return {Total(xq), Total(qq)};
}

// The scale with x ~ scale * level. The extreme value is laid at and around either end of the grid; each
// place's levels get their best scale, and the best place wins.
template <typename Grid>
float FitScale(const float* x, const float* w, int n) {
  float extreme = 0.0f;
  for (int j = 0; j < n; ++j)
    if (std::fabs(x[j]) > std::fabs(extreme)) extreme = x[j];
  if (std::fabs(extreme) < kNothing) return 0.0f;
  float best_scale = 0.0f, best_gain = 0.0f;
  const auto attempt = [&](float inverse_scale) {
    const ScaleSums s = SumsAt<Grid>(x, w, n, inverse_scale);
    if (s.qq <= 0.0f || s.xq * s.xq <= best_gain * s.qq) return;
    best_gain = s.xq * s.xq / s.qq;
    best_scale = s.xq / s.qq;
  };
  for (int step = -9; step <= 9; ++step) {
    const float shift = 0.1f * static_cast<float>(step) * Grid::kSpacing;
    attempt((Grid::kLow + shift) / extreme);
    attempt((Grid::kHigh + shift) / extreme);
  }
  for (int round = 0; round < 2 && best_scale != 0.0f; ++round) attempt(1.0f / best_scale);
  return best_scale;
}

// A super-block of kSubs sub-blocks of kSize elements: x ~ d * scale[i] * level, d a half, scale[i] an
// integer.
template <typename Grid, int kSubs, int kSize, int kScaleLow, int kScaleHigh>
class ScaledSuperblock {
 public:
  float d = 0;
  std::array<int, kSubs> scale{};

  ScaledSuperblock(const float* x, const float* w) : x_(x), w_(w) {
    float largest = 0.0f;
    for (int i = 0; i < kSubs; ++i) {
      wanted_[i] = FitScale<Grid>(x + i * kSize, w + i * kSize, kSize);
      if (std::fabs(wanted_[i]) > std::fabs(largest)) largest = wanted_[i];
    }
    for (float stretch : {1.0f, 1.03f, 0.97f, 1.07f, 0.93f})
      Try(ToHalf(Try(ToHalf(largest * stretch / kScaleLow))));
  }

  float Level(int j) const {
    const float step = d * static_cast<float>(scale[j / kSize]);
    return Grid::Level(step == 0.0f ? 0.0f : x_[j] / step);
  }

 private:
  // Chooses the integer scales for this d and keeps them if nothing was better. The best d for the levels
  // chosen.
  float Try(float candidate) {
    std::array<int, kSubs> chosen{};
    float error = 0.0f, xa = 0.0f, aa = 0.0f;
    for (int i = 0; i < kSubs; ++i) {
      ScaleSums sums;
      error += ChooseScale(i, candidate, chosen[i], sums);
      const float s = static_cast<float>(chosen[i]);
      xa += s * sums.xq;
      aa += s * s * sums.qq;
    }
    if (error < least_) {
      least_ = error;
      d = candidate;
      scale = chosen;
    }
    return aa > 0.0f ? xa / aa : candidate;
  }

  // Sub-block i's squared error (less sum of w x^2) at its best integer scale.
  float ChooseScale(int i, float candidate, int& chosen, ScaleSums& chosen_sums) const {
    const float center = candidate == 0.0f ? 0.0f : wanted_[i] / candidate;
    const int middle = static_cast<int>(std::lround(std::clamp(center, float{kScaleLow}, float{kScaleHigh})));
    float least = INFINITY;
    for (int s = std::max(middle - 1, kScaleLow); s <= std::min(middle + 1, kScaleHigh); ++s) {
      const float step = candidate * static_cast<float>(s);
      ScaleSums sums;
      if (step != 0.0f) sums = SumsAt<Grid>(x_ + i * kSize, w_ + i * kSize, kSize, 1.0f / step);
      const float error = step * step * sums.qq - 2.0f * step * sums.xq;
      if (error >= least) continue;
      least = error;
      chosen = s;
      chosen_sums = sums;
    }
    return least;
  }

  const float* x_;
  const float* w_;
  std::array<float, kSubs> wanted_{};
  float least_ = INFINITY;
};

}  // namespace sluice::kernels::blocks
