// FP4 and ternary.
#include <algorithm>
#include <cmath>

#include "kernels/blocks/codebooks.h"
#include "kernels/blocks/encoders.h"

namespace sluice::kernels::blocks {
namespace {

float LargestMagnitude(const float* x, int n) {
  float largest = 0.0f;
  for (int j = 0; j < n; ++j) largest = std::max(largest, std::fabs(x[j]));
  return largest;
}

int NearestE2M1(float x, float scale) {
  int best = 0;
  float least = INFINITY;
  for (int code = 0; code < 16; ++code) {
    const float error = std::fabs(scale * static_cast<float>(kLevelsE2M1[code]) - x);
    if (error < least) {
      least = error;
      best = code;
    }
  }
  return best;
}

float WeightedError(const float* x, const float* weights, float scale) {
  float sum = 0.0f;
  for (int j = 0; j < 32; ++j) {
    const float error = scale * static_cast<float>(kLevelsE2M1[NearestE2M1(x[j], scale)]) - x[j];
    sum += weights[j] * error * error;
  }
  return sum;
}

// Ternary digits 0, 1, 2 of a super-block, and its scale.
float TernaryDigits(const float* x, uint8_t* digit) {
  const float d = LargestMagnitude(x, kSuper);
  const float inverse = d != 0.0f ? 1.0f / d : 0.0f;
  for (int j = 0; j < kSuper; ++j) {
    const float rounded = std::round(x[j] * inverse);
    digit[j] = rounded > 0.5f ? 2 : rounded < -0.5f ? 0 : 1;
  }
  return d;
}

// `count` digits, `stride` apart, as a fraction of 256 that decoding multiplies out again (rounded up).
uint8_t PackDigits(const uint8_t* digit, int count, int stride) {
  int number = 0;
  for (int k = 0; k < 5; ++k) number = 3 * number + (k < count ? digit[k * stride] : 0);
  return static_cast<uint8_t>((number * 256 + 242) / 243);
}

}  // namespace

void Encode(const float* x, const float* weights, MXFP4& b) {
  // The largest level is 6 = 1.5 * 2^2, so the scale is two powers below the largest value's.
  const float largest = LargestMagnitude(x, 32);
  const int exponent = largest > 0.0f && std::isfinite(largest) ? std::ilogb(largest) - 2 + 127 : 0;
  const int usual = std::clamp(exponent, 0, 254);
  b.e = static_cast<uint8_t>(usual);
  if (weights) {  // the neighbours cut the largest value off, or leave it room
    float least = INFINITY;
    for (const int e : {usual, std::max(usual - 1, 0), std::min(usual + 1, 254)}) {
      const float error = WeightedError(x, weights, MxHalfScale(static_cast<uint8_t>(e)));
      if (error >= least) continue;
      least = error;
      b.e = static_cast<uint8_t>(e);
    }
  }
  const float scale = MxHalfScale(b.e);
  for (int j = 0; j < 16; ++j)
    b.q[j] = static_cast<uint8_t>(NearestE2M1(x[j], scale) | NearestE2M1(x[j + 16], scale) << 4);
}

void Encode(const float* x, const float*, TQ1_0& b) {
  uint8_t digit[kSuper];
  b.d.set(TernaryDigits(x, digit));
  for (int l = 0; l < 32; ++l) b.q[l] = PackDigits(digit + l, 5, 32);
  for (int l = 0; l < 16; ++l) b.q[32 + l] = PackDigits(digit + 160 + l, 5, 16);
  for (int l = 0; l < 4; ++l) b.last[l] = PackDigits(digit + 240 + l, 4, 4);
}

void Encode(const float* x, const float*, TQ2_0& b) {
  uint8_t digit[kSuper];
  b.d.set(TernaryDigits(x, digit));
  for (int i = 0; i < 64; ++i) {
    const uint8_t* d = digit + 128 * (i / 32) + i % 32;
    b.q[i] = static_cast<uint8_t>(d[0] | d[32] << 2 | d[64] << 4 | d[96] << 6);
  }
}

}  // namespace sluice::kernels::blocks
