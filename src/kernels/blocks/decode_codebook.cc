#include "kernels/blocks/codebooks.h"
#include "kernels/blocks/decoders.h"

namespace sluice::kernels::blocks {
namespace {

constexpr float kShiftIQ1 = 0.125f;  // IQ1 values are moved by this, up or down per group

// out[0..8) = scale * magnitude, minus where the sign bit is set.
void Group8(uint16_t entry, uint8_t signs, float scale, float* out) {
  for (int j = 0; j < 8; ++j) {
    const float value = scale * static_cast<float>(kLevelsIQ2[entry >> 2 * j & 3]);
    out[j] = signs >> j & 1 ? -value : value;
  }
}

void Group4(uint16_t entry, const std::array<int8_t, 8>& levels, int signs, float scale, float* out) {
  for (int j = 0; j < 4; ++j) {
    const float value = scale * static_cast<float>(levels[entry >> 3 * j & 7]);
    out[j] = signs >> j & 1 ? -value : value;
  }
}

void Group8IQ1(int index, bool down, float scale, float* out) {
  const uint16_t entry = kGridIQ1[static_cast<size_t>(index)];
  const float shift = down ? -kShiftIQ1 : kShiftIQ1;
  for (int j = 0; j < 8; ++j) out[j] = scale * (static_cast<float>((entry >> 2 * j & 3) - 1) + shift);
}

float ScaleIQ2(float d, int scale) { return d * (0.5f + static_cast<float>(scale)) * 0.25f; }

int Nibble(const uint8_t* bytes, int i) { return bytes[i / 2] >> 4 * (i % 2) & 15; }

void Levels32(const uint8_t* q, float scale, float* out) {
  for (int j = 0; j < 16; ++j) {
    out[j] = scale * static_cast<float>(kLevelsIQ4[q[j] & 15]);
    out[j + 16] = scale * static_cast<float>(kLevelsIQ4[q[j] >> 4]);
  }
}

}  // namespace

void Decode(const IQ4_NL& b, float* out) { Levels32(b.q, b.d.value(), out); }

void Decode(const IQ4_XS& b, float* out) {
  const float d = b.d.value();
  for (int sub = 0; sub < 8; ++sub)
    Levels32(b.q + 16 * sub, d * static_cast<float>(GetScaleIQ4(b, sub)), out + 32 * sub);
}

void Decode(const IQ2_XXS& b, float* out) {
  const float d = b.d.value();
  for (int part = 0; part < 8; ++part) {
    const uint32_t signs_scale = b.part[part].signs_scale.value();
    const float scale = ScaleIQ2(d, static_cast<int>(signs_scale >> 28));
    for (int g = 0; g < 4; ++g)
      Group8(kGridIQ2_XXS[b.part[part].index[g]], EvenSigns(signs_scale >> 7 * g & 127), scale,
             out + 32 * part + 8 * g);
  }
}

void Decode(const IQ2_XS& b, float* out) {
  const float d = b.d.value();
  for (int g = 0; g < 32; ++g) {
    const uint16_t q = b.q[g].value();
    Group8(kGridIQ2_XS[q & 511], EvenSigns(q >> 9), ScaleIQ2(d, Nibble(b.scales, g / 2)), out + 8 * g);
  }
}

void Decode(const IQ2_S& b, float* out) {
  const float d = b.d.value();
  for (int g = 0; g < 32; ++g) {
    const size_t index = b.q[g] | (b.high[g / 4] >> 2 * (g % 4) & 3) << 8;
    Group8(kGridIQ2_S[index], b.signs[g], ScaleIQ2(d, Nibble(b.scales, g / 2)), out + 8 * g);
  }
}

void Decode(const IQ3_XXS& b, float* out) {
  const float d = b.d.value();
  for (int g = 0; g < 64; ++g) {
    const uint32_t signs_scale = b.signs_scale[g / 8].value();
    const float scale = d * (0.5f + static_cast<float>(signs_scale >> 28)) * 0.5f;
    const int signs = EvenSigns(signs_scale >> 7 * (g / 2 % 4) & 127) >> 4 * (g % 2);
    Group4(kGridIQ3_XXS[b.q[g]], kLevelsIQ3_XXS, signs, scale, out + 4 * g);
  }
}

void Decode(const IQ3_S& b, float* out) {
  const float d = b.d.value();
  for (int g = 0; g < 64; ++g) {
    const size_t index = b.q[g] | (b.high[g / 8] >> g % 8 & 1) << 8;
    const float scale = d * static_cast<float>(1 + 2 * Nibble(b.scales, g / 8));
    Group4(kGridIQ3_S[index], kLevelsIQ3_S, b.signs[g / 2] >> 4 * (g % 2), scale, out + 4 * g);
  }
}

void Decode(const IQ1_S& b, float* out) {
  const float d = b.d.value();
  for (int g = 0; g < 32; ++g) {
    const uint16_t high = b.high[g / 4].value();
    const float scale = d * static_cast<float>(2 * (high >> 12 & 7) + 1);
    Group8IQ1(b.q[g] | (high >> 3 * (g % 4) & 7) << 8, high >> 15, scale, out + 8 * g);
  }
}

void Decode(const IQ1_M& b, float* out) {
  uint16_t half = 0;
  for (int i = 0; i < 4; ++i) half = static_cast<uint16_t>(half | (b.scales[i].value() >> 12) << 4 * i);
  const float d = F16ToFloat(half);
  for (int g = 0; g < 32; ++g) {
    const int high = Nibble(b.high, g);
    const int sub = g / 2;
    const float scale = d * static_cast<float>(2 * (b.scales[sub / 4].value() >> 3 * (sub % 4) & 7) + 1);
    Group8IQ1(b.q[g] | (high & 7) << 8, high & 8, scale, out + 8 * g);
  }
}

}  // namespace sluice::kernels::blocks
