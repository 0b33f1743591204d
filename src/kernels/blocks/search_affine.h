// The search for types with a scale and a minimum: x ~ scale * code - min, code in 0..kMost, min >= 0.
#pragma once

#include "kernels/blocks/search.h"

namespace sluice::kernels::blocks {

struct AffineSums {
  float w = 0, x = 0, q = 0, qq = 0, xq = 0;  // weighted sums of 1, x, code, code^2, x code
};

struct AffineFit {
  float scale = 0, min = 0;
};

template <int kMost, typename T>  // float or Lanes
T CodeAt(T x, float inverse_scale, float min) {
  return ClampToInt((x + min) * inverse_scale, 0.0f, static_cast<float>(kMost));
}

// What does not depend on the codes.
struct Moments {
  float w = 0, x = 0;
};
inline Moments MomentsOf(const float* x, const float* w, int n) {
  Lanes sw = {}, sx = {};
  for (int j = 0; j < n; j += kLanes) {
    sw += LoadLanes(w + j);
    sx += LoadLanes(w + j) * LoadLanes(x + j);
  }
  return {Total(sw), Total(sx)};
}

template <int kMost>
AffineSums AffineSumsAt(const float* x, const float* w, int n, Moments moments, float inverse_scale,
                        float min) {
  Lanes sq = {}, sqq = {}, sxq = {};
  for (int j = 0; j < n; j += kLanes) {
    const Lanes value = LoadLanes(x + j);
    const Lanes code = CodeAt<kMost>(value, inverse_scale, min);
    const Lanes weighted = LoadLanes(w + j) * code;
    sq += weighted;
    sqq += weighted * code;
    sxq += weighted * value;
  }
  return {moments.w, moments.x, Total(sq), Total(sqq), Total(sxq)};
}

// The squared error less sum of w x^2.
inline float ErrorOf(const AffineSums& s, AffineFit fit) {
  return fit.scale * (fit.scale * s.qq - 2.0f * s.xq) + fit.min * (fit.min * s.w + 2.0f * s.x) -
         2.0f * fit.scale * fit.min * s.q;
}

// The best scale and non-negative minimum for given codes.
inline AffineFit Solve(const AffineSums& s) {
  const float determinant = s.w * s.qq - s.q * s.q;
  if (determinant > 0.0f) {
    const AffineFit fit{(s.w * s.xq - s.x * s.q) / determinant, (s.q * s.xq - s.qq * s.x) / determinant};
    if (fit.min >= 0.0f && fit.scale > 0.0f) return fit;
  }
  if (s.qq > 0.0f && s.xq > 0.0f) return {s.xq / s.qq, 0.0f};
  return {0.0f, s.w > 0.0f ? std::max(0.0f, -s.x / s.w) : 0.0f};
}

// Stretches the range of values over the codes in several ways; each way's codes get their best scale and
// minimum.
template <int kMost>
AffineFit FitAffine(const float* x, const float* w, int n, Moments moments) {
  const auto [low_at, high_at] = std::minmax_element(x, x + n);
  const float low = std::min(*low_at, 0.0f), range = *high_at - low;
  if (range < kNothing) return {0.0f, -low};
  AffineFit best;
  float least = INFINITY;
  const auto attempt = [&](float inverse_scale, float min) {
    const AffineSums sums = AffineSumsAt<kMost>(x, w, n, moments, inverse_scale, min);
    const AffineFit fit = Solve(sums);
    const float error = ErrorOf(sums, fit);
    if (error >= least) return;
    least = error;
    best = fit;
  };
  for (int step = -4; step <= 12; ++step) attempt((kMost + 0.1f * static_cast<float>(step)) / range, -low);
  for (int round = 0; round < 4 && best.scale > 0.0f; ++round) attempt(1.0f / best.scale, best.min);
  return best;
}

// A super-block: x ~ d * scale[i] * code - dmin * min[i], d and dmin halves, scale and min in 0..kMostScale.
template <int kMost, int kSubs, int kSize, int kMostScale>
class AffineSuperblock {
 public:
  float d = 0, dmin = 0;
  std::array<int, kSubs> scale{}, min{};

  AffineSuperblock(const float* x, const float* w) : x_(x), w_(w) {
    float largest = 0.0f, largest_min = 0.0f;
    for (int i = 0; i < kSubs; ++i) {
      moments_[i] = MomentsOf(x + i * kSize, w + i * kSize, kSize);
      wanted_[i] = FitAffine<kMost>(x + i * kSize, w + i * kSize, kSize, moments_[i]);
      largest = std::max(largest, wanted_[i].scale);
      largest_min = std::max(largest_min, wanted_[i].min);
    }
    for (float stretch : {1.0f, 1.04f, 0.96f}) {
      AffineFit unit{ToHalf(stretch * largest / kMostScale), ToHalf(stretch * largest_min / kMostScale)};
      for (int round = 0; round < 3; ++round) unit = Try(unit);
    }
  }

  int Code(int j) const {
    const float step = d * static_cast<float>(scale[j / kSize]);
    if (step == 0.0f) return 0;
    return static_cast<int>(CodeAt<kMost>(x_[j], 1.0f / step, dmin * static_cast<float>(min[j / kSize])));
  }

 private:
  struct Integers {
    std::array<int, kSubs> scale{}, min{};
  };

  // Chooses the integers for these units and keeps them if nothing was better. The best units for their
  // codes.
  AffineFit Try(AffineFit unit) {
    Integers chosen;
    AffineSums total;
    float error = 0.0f;
    for (int i = 0; i < kSubs; ++i) {
      AffineSums sums;
      error += Choose(i, unit, chosen, sums);
      const float s = static_cast<float>(chosen.scale[i]), m = static_cast<float>(chosen.min[i]);
      total.w += m * m * sums.w;
      total.x += m * sums.x;
      total.q += s * m * sums.q;
      total.qq += s * s * sums.qq;
      total.xq += s * sums.xq;
    }
    if (error < least_) {
      least_ = error;
      d = unit.scale;
      dmin = unit.min;
      scale = chosen.scale;
      min = chosen.min;
    }
    const AffineFit refit = Solve(total);
    return {ToHalf(refit.scale), ToHalf(refit.min)};
  }

  // Tries the integers around sub-block i's wish. Its squared error, less sum of w x^2.
  float Choose(int i, AffineFit unit, Integers& chosen, AffineSums& chosen_sums) const {
    const int scale0 = Nearest(wanted_[i].scale, unit.scale), min0 = Nearest(wanted_[i].min, unit.min);
    float least = INFINITY;
    for (int s = std::max(scale0 - 1, 0); s <= std::min(scale0 + 1, kMostScale); ++s)
      for (int m = std::max(min0 - 1, 0); m <= std::min(min0 + 1, kMostScale); ++m) {
        const AffineFit fit{unit.scale * static_cast<float>(s), unit.min * static_cast<float>(m)};
        const float inverse = fit.scale > 0.0f ? 1.0f / fit.scale : 0.0f;
        const AffineSums sums =
            AffineSumsAt<kMost>(x_ + i * kSize, w_ + i * kSize, kSize, moments_[i], inverse, fit.min);
        const float error = ErrorOf(sums, fit);
        if (error >= least) continue;
        least = error;
        chosen.scale[i] = s;
        chosen.min[i] = m;
        chosen_sums = sums;
      }
    return least;
  }

  static int Nearest(float wanted, float unit) {
    if (unit <= 0.0f) return 0;
    return static_cast<int>(std::lround(std::min(wanted / unit, static_cast<float>(kMostScale))));
  }

  const float* x_;
  const float* w_;
  std::array<Moments, kSubs> moments_{};
  std::array<AffineFit, kSubs> wanted_{};
  float least_ = INFINITY;
};

}  // namespace sluice::kernels::blocks
