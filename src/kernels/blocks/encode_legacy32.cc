#include <algorithm>
#include <cmath>

#include "kernels/blocks/encoders.h"

namespace sluice::kernels::blocks {
namespace {

float Inverse(float d) { return d != 0.0f ? 1.0f / d : 0.0f; }

// The value of largest magnitude (the first of several), with its sign.
float Extreme(const float* x, int n) {
  float extreme = 0.0f;
  for (int j = 0; j < n; ++j)
    if (std::fabs(x[j]) > std::fabs(extreme)) extreme = x[j];
  return extreme;
}

// Truncates to [0, most]; what is not a number becomes 0.
int Truncated(float v, int most) {
  return v > 0.0f ? static_cast<int>(std::min(v, static_cast<float>(most))) : 0;
}

void PackNibbles(const int* code, uint8_t* q) {
  for (int j = 0; j < 16; ++j) q[j] = static_cast<uint8_t>((code[j] & 15) | (code[j + 16] & 15) << 4);
}

uint32_t FifthBits(const int* code) {
  uint32_t bits = 0;
  for (int j = 0; j < 32; ++j) bits |= static_cast<uint32_t>(code[j] >> 4 & 1) << j;
  return bits;
}

// Codes of a symmetric type: the extreme value becomes the lowest code.
float EncodeSymmetric(const float* x, int half_range, int* code) {
  const float d = Extreme(x, 32) / static_cast<float>(-half_range);
  const float inverse = Inverse(d);
  const float middle = static_cast<float>(half_range) + 0.5f;
  for (int j = 0; j < 32; ++j) code[j] = Truncated(x[j] * inverse + middle, 2 * half_range - 1);
  return d;
}

struct Affine {
  float d, m;
};
Affine EncodeAffine(const float* x, int most, int* code) {
  float low = x[0], high = x[0];
  for (int j = 1; j < 32; ++j) {
    if (x[j] < low) low = x[j];
    if (x[j] > high) high = x[j];
  }
  const float d = (high - low) / static_cast<float>(most);
  const float inverse = Inverse(d);
  for (int j = 0; j < 32; ++j) code[j] = Truncated((x[j] - low) * inverse + 0.5f, most);
  return {d, low};
}

}  // namespace

void Encode(const float* x, const float*, Q4_0& b) {
  int code[32];
  b.d.set(EncodeSymmetric(x, 8, code));
  PackNibbles(code, b.q);
}

void Encode(const float* x, const float*, Q5_0& b) {
  int code[32];
  b.d.set(EncodeSymmetric(x, 16, code));
  b.high.set(FifthBits(code));
  PackNibbles(code, b.q);
}

void Encode(const float* x, const float*, Q4_1& b) {
  int code[32];
  const Affine fit = EncodeAffine(x, 15, code);
  b.d.set(fit.d);
  b.m.set(fit.m);
  PackNibbles(code, b.q);
}

void Encode(const float* x, const float*, Q5_1& b) {
  int code[32];
  const Affine fit = EncodeAffine(x, 31, code);
  b.d.set(fit.d);
  b.m.set(fit.m);
  b.high.set(FifthBits(code));
  PackNibbles(code, b.q);
}

void Encode(const float* x, const float*, Q8_0& b) {
  const float d = std::fabs(Extreme(x, 32)) / 127.0f;
  const float inverse = Inverse(d);
  b.d.set(d);
  for (int j = 0; j < 32; ++j) {
    const float rounded = std::round(x[j] * inverse);
    b.q[j] = static_cast<uint8_t>(static_cast<int8_t>(std::fabs(rounded) <= 127.0f ? rounded : 0.0f));
  }
}

}  // namespace sluice::kernels::blocks
