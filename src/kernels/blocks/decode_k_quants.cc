#include "kernels/blocks/decoders.h"

namespace sluice::kernels::blocks {

// In the 2-bit arrays, byte 32 g + l holds elements 128 g + 32 s + l for s = 0..3, lowest bits first.

void Decode(const Q2_K& b, float* out) {
  const float d = b.d.value(), dmin = b.dmin.value();
  for (int sub = 0; sub < 16; ++sub) {
    const float scale = d * static_cast<float>(b.scales[sub] & 15);
    const float min = dmin * static_cast<float>(b.scales[sub] >> 4);
    const uint8_t* q = b.q + 32 * (sub / 8) + 16 * (sub % 2);
    const int shift = 2 * (sub / 2 % 4);
    for (int j = 0; j < 16; ++j) out[16 * sub + j] = scale * static_cast<float>(q[j] >> shift & 3) - min;
  }
}

void Decode(const Q3_K& b, float* out) {
  const float d = b.d.value();
  for (int sub = 0; sub < 16; ++sub) {
    const float scale = d * static_cast<float>(GetScaleQ3(b.scales, sub));
    const uint8_t* q = b.q + 32 * (sub / 8) + 16 * (sub % 2);
    const uint8_t* high = b.high + 16 * (sub % 2);
    const int shift = 2 * (sub / 2 % 4);
    for (int j = 0; j < 16; ++j) {
      const int code = (q[j] >> shift & 3) | (high[j] >> sub / 2 & 1) << 2;
      out[16 * sub + j] = scale * static_cast<float>(code - 4);
    }
  }
}

void Decode(const Q4_K& b, float* out) {
  const float d = b.d.value(), dmin = b.dmin.value();
  for (int sub = 0; sub < 8; ++sub) {
    const ScaleMin s = GetScaleMin(b.scales, sub);
    const float scale = d * static_cast<float>(s.scale), min = dmin * static_cast<float>(s.min);
    const uint8_t* q = b.q + 32 * (sub / 2);
    const int shift = 4 * (sub % 2);
    for (int j = 0; j < 32; ++j) out[32 * sub + j] = scale * static_cast<float>(q[j] >> shift & 15) - min;
  }
}

void Decode(const Q5_K& b, float* out) {
  const float d = b.d.value(), dmin = b.dmin.value();
  for (int sub = 0; sub < 8; ++sub) {
    const ScaleMin s = GetScaleMin(b.scales, sub);
    const float scale = d * static_cast<float>(s.scale), min = dmin * static_cast<float>(s.min);
    const uint8_t* q = b.q + 32 * (sub / 2);
    const int shift = 4 * (sub % 2);
    for (int j = 0; j < 32; ++j) {
      const int code = (q[j] >> shift & 15) | (b.high[j] >> sub & 1) << 4;
      out[32 * sub + j] = scale * static_cast<float>(code) - min;
    }
  }
}

void Decode(const Q6_K& b, float* out) {
  const float d = b.d.value();
  for (int sub = 0; sub < 16; ++sub) {
    const float scale = d * static_cast<float>(static_cast<int8_t>(b.scales[sub]));
    const uint8_t* low = b.low + 64 * (sub / 8) + 16 * (sub % 4);
    const uint8_t* high = b.high + 32 * (sub / 8) + 16 * (sub % 2);
    const int low_shift = 4 * (sub / 4 % 2), high_shift = 2 * (sub / 2 % 4);
    for (int j = 0; j < 16; ++j) {
      const int code = (low[j] >> low_shift & 15) | (high[j] >> high_shift & 3) << 4;
      out[16 * sub + j] = scale * static_cast<float>(code - 32);
    }
  }
}

void Decode(const Q8_K& b, float* out) {
  const float d = std::bit_cast<float>(b.d.value());
  for (int j = 0; j < kSuper; ++j) out[j] = d * static_cast<float>(static_cast<int8_t>(b.q[j]));
}

}  // namespace sluice::kernels::blocks
