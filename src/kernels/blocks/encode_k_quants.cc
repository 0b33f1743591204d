#include "kernels/blocks/encoders.h"
#include "kernels/blocks/search.h"
#include "kernels/blocks/search_affine.h"

namespace sluice::kernels::blocks {
namespace {

void SetScaleMin(uint8_t* packed, int j, int scale, int min) {
  if (j < 4) {
    packed[j] = static_cast<uint8_t>((packed[j] & 0xc0) | scale);
    packed[j + 4] = static_cast<uint8_t>((packed[j + 4] & 0xc0) | min);
  } else {
    packed[j + 4] = static_cast<uint8_t>((scale & 15) | (min & 15) << 4);
    packed[j - 4] = static_cast<uint8_t>((packed[j - 4] & 63) | (scale >> 4) << 6);
    packed[j] = static_cast<uint8_t>((packed[j] & 63) | (min >> 4) << 6);
  }
}

void SetScaleQ3(uint8_t* packed, int j, int scale) {
  const int code = scale + 32;
  packed[j % 8] = static_cast<uint8_t>(packed[j % 8] | (code & 15) << 4 * (j / 8));
  packed[8 + j % 4] = static_cast<uint8_t>(packed[8 + j % 4] | (code >> 4) << 2 * (j / 4));
}

// Sets 2 bits of element j in the arrays where byte 32 g + l holds elements 128 g + 32 s + l.
void SetTwoBits(uint8_t* q, int j, int bits) {
  uint8_t& byte = q[32 * (j / 128) + j % 32];
  byte = static_cast<uint8_t>(byte | bits << 2 * (j / 32 % 4));
}

void SetNibble64(uint8_t* q, int j, int bits) {  // Q4_K, Q5_K
  uint8_t& byte = q[32 * (j / 64) + j % 32];
  byte = static_cast<uint8_t>(byte | bits << 4 * (j / 32 % 2));
}

}  // namespace

void Encode(const float* x, const float* weights, Q2_K& b) {
  const AffineSuperblock<3, 16, 16, 15> fit(x, weights);
  b = {};
  b.d.set(fit.d);
  b.dmin.set(fit.dmin);
  for (int i = 0; i < 16; ++i) b.scales[i] = static_cast<uint8_t>(fit.scale[i] | fit.min[i] << 4);
  for (int j = 0; j < kSuper; ++j) SetTwoBits(b.q, j, fit.Code(j));
}

void Encode(const float* x, const float* weights, Q4_K& b) {
  const AffineSuperblock<15, 8, 32, 63> fit(x, weights);
  b = {};
  b.d.set(fit.d);
  b.dmin.set(fit.dmin);
  for (int i = 0; i < 8; ++i) SetScaleMin(b.scales, i, fit.scale[i], fit.min[i]);
  for (int j = 0; j < kSuper; ++j) SetNibble64(b.q, j, fit.Code(j));
}

void Encode(const float* x, const float* weights, Q5_K& b) {
  const AffineSuperblock<31, 8, 32, 63> fit(x, weights);
  b = {};
  b.d.set(fit.d);
  b.dmin.set(fit.dmin);
  for (int i = 0; i < 8; ++i) SetScaleMin(b.scales, i, fit.scale[i], fit.min[i]);
  for (int j = 0; j < kSuper; ++j) {
    const int code = fit.Code(j);
    SetNibble64(b.q, j, code & 15);
    b.high[j % 32] = static_cast<uint8_t>(b.high[j % 32] | (code >> 4) << j / 32);
  }
}

void Encode(const float* x, const float* weights, Q3_K& b) {
  const ScaledSuperblock<IntegerGrid<-4, 3>, 16, 16, -32, 31> fit(x, weights);
  b = {};
  b.d.set(fit.d);
  for (int i = 0; i < 16; ++i) SetScaleQ3(b.scales, i, fit.scale[i]);
  for (int j = 0; j < kSuper; ++j) {
    const int code = static_cast<int>(fit.Level(j)) + 4;
    SetTwoBits(b.q, j, code & 3);
    b.high[j % 32] = static_cast<uint8_t>(b.high[j % 32] | (code >> 2) << j / 32);
  }
}

void Encode(const float* x, const float* weights, Q6_K& b) {
  const ScaledSuperblock<IntegerGrid<-32, 31>, 16, 16, -128, 127> fit(x, weights);
  b = {};
  b.d.set(fit.d);
  for (int i = 0; i < 16; ++i) b.scales[i] = static_cast<uint8_t>(static_cast<int8_t>(fit.scale[i]));
  for (int j = 0; j < kSuper; ++j) {
    const int code = static_cast<int>(fit.Level(j)) + 32;
    uint8_t& low = b.low[64 * (j / 128) + j % 64];
    low = static_cast<uint8_t>(low | (code & 15) << 4 * (j / 64 % 2));
    SetTwoBits(b.high, j, code >> 4);
  }
}

}  // namespace sluice::kernels::blocks
