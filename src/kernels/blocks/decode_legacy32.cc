#include "kernels/blocks/decoders.h"

namespace sluice::kernels::blocks {
namespace {

int Code4(const uint8_t* q, int j) { return j < 16 ? q[j] & 15 : q[j - 16] >> 4; }

int Code5(const uint8_t* q, uint32_t high, int j) {
  return Code4(q, j) | static_cast<int>(high >> j & 1) << 4;
}

}  // namespace

void Decode(const Q4_0& b, float* out) {
  const float d = b.d.value();
  for (int j = 0; j < 32; ++j) out[j] = d * static_cast<float>(Code4(b.q, j) - 8);
}

void Decode(const Q4_1& b, float* out) {
  const float d = b.d.value(), m = b.m.value();
  for (int j = 0; j < 32; ++j) out[j] = d * static_cast<float>(Code4(b.q, j)) + m;
}

void Decode(const Q5_0& b, float* out) {
  const float d = b.d.value();
  const uint32_t high = b.high.value();
  for (int j = 0; j < 32; ++j) out[j] = d * static_cast<float>(Code5(b.q, high, j) - 16);
}

void Decode(const Q5_1& b, float* out) {
  const float d = b.d.value(), m = b.m.value();
  const uint32_t high = b.high.value();
  for (int j = 0; j < 32; ++j) out[j] = d * static_cast<float>(Code5(b.q, high, j)) + m;
}

void Decode(const Q8_0& b, float* out) {
  const float d = b.d.value();
  for (int j = 0; j < 32; ++j) out[j] = d * static_cast<float>(static_cast<int8_t>(b.q[j]));
}

void Decode(const Q8_1& b, float* out) {
  const float d = b.d.value();
  for (int j = 0; j < 32; ++j) out[j] = d * static_cast<float>(static_cast<int8_t>(b.q[j]));
}

}  // namespace sluice::kernels::blocks
