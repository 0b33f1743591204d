// Codebook and ternary blocks as integers.
#include <array>

#include "kernels/blocks/codebooks.h"
#include "kernels/blocks/layouts.h"
#include "kernels/integer_block.h"

namespace sluice::kernels {
namespace {

using namespace blocks;

int Nibble(const uint8_t* bytes, int i) { return bytes[i / 2] >> 4 * (i % 2) & 15; }

// Eight codes from a grid entry of two-bit levels; a set bit of `signs` is a minus.
void Group8(uint16_t entry, int signs, int8_t* code) {
  for (int j = 0; j < 8; ++j) {
    const int8_t level = kLevelsIQ2[entry >> 2 * j & 3];
    code[j] = static_cast<int8_t>(signs >> j & 1 ? -level : level);
  }
}

// Four codes from a grid entry of three-bit levels.
void Group4(uint16_t entry, const std::array<int8_t, 8>& levels, int signs, int8_t* code) {
  for (int j = 0; j < 4; ++j) {
    const int8_t level = levels[entry >> 3 * j & 7];
    code[j] = static_cast<int8_t>(signs >> j & 1 ? -level : level);
  }
}

// The values are -1, 0, 1, shifted by an eighth: times eight they are integers.
void Group8IQ1(int index, bool down, int8_t* code) {
  const uint16_t entry = kGridIQ1[static_cast<size_t>(index)];
  for (int j = 0; j < 8; ++j) code[j] = static_cast<int8_t>(8 * ((entry >> 2 * j & 3) - 1) + (down ? -1 : 1));
}

void Read(const IQ2_XXS& b, IntegerBlock* out) {
  out->d = b.d.value() * 0.125f;
  for (int g = 0; g < 32; ++g) {
    const uint32_t signs_scale = b.part[g / 4].signs_scale.value();
    out->scale[g / 2] = static_cast<int16_t>(2 * (signs_scale >> 28) + 1);
    Group8(kGridIQ2_XXS[b.part[g / 4].index[g % 4]], EvenSigns(signs_scale >> 7 * (g % 4) & 127),
           out->code + 8 * g);
  }
}

void Read(const IQ2_XS& b, IntegerBlock* out) {
  out->d = b.d.value() * 0.125f;
  for (int g = 0; g < 32; ++g) {
    const uint16_t q = b.q[g].value();
    out->scale[g / 2] = static_cast<int16_t>(2 * Nibble(b.scales, g / 2) + 1);
    Group8(kGridIQ2_XS[q & 511], EvenSigns(q >> 9), out->code + 8 * g);
  }
}

void Read(const IQ2_S& b, IntegerBlock* out) {
  out->d = b.d.value() * 0.125f;
  for (int g = 0; g < 32; ++g) {
    const size_t index = b.q[g] | (b.high[g / 4] >> 2 * (g % 4) & 3) << 8;
    out->scale[g / 2] = static_cast<int16_t>(2 * Nibble(b.scales, g / 2) + 1);
    Group8(kGridIQ2_S[index], b.signs[g], out->code + 8 * g);
  }
}

void Read(const IQ3_XXS& b, IntegerBlock* out) {
  out->d = b.d.value() * 0.25f;
  for (int g = 0; g < 64; ++g) {
    const uint32_t signs_scale = b.signs_scale[g / 8].value();
    const int signs = EvenSigns(signs_scale >> 7 * (g / 2 % 4) & 127) >> 4 * (g % 2);
    out->scale[g / 4] = static_cast<int16_t>(2 * (signs_scale >> 28) + 1);
    Group4(kGridIQ3_XXS[b.q[g]], kLevelsIQ3_XXS, signs, out->code + 4 * g);
  }
}

void Read(const IQ3_S& b, IntegerBlock* out) {
  out->d = b.d.value();
  for (int g = 0; g < 64; ++g) {
    const size_t index = b.q[g] | (b.high[g / 8] >> g % 8 & 1) << 8;
    out->scale[g / 4] = static_cast<int16_t>(2 * Nibble(b.scales, g / 8) + 1);
    Group4(kGridIQ3_S[index], kLevelsIQ3_S, b.signs[g / 2] >> 4 * (g % 2), out->code + 4 * g);
  }
}

void Read(const IQ1_S& b, IntegerBlock* out) {
  out->d = b.d.value() * 0.125f;
  for (int g = 0; g < 32; ++g) {
    const uint16_t high = b.high[g / 4].value();
    out->scale[g / 2] = static_cast<int16_t>(2 * (high >> 12 & 7) + 1);
    Group8IQ1(b.q[g] | (high >> 3 * (g % 4) & 7) << 8, high >> 15, out->code + 8 * g);
  }
}

void Read(const IQ1_M& b, IntegerBlock* out) {
  uint16_t half = 0;
  for (int i = 0; i < 4; ++i) half = static_cast<uint16_t>(half | (b.scales[i].value() >> 12) << 4 * i);
  out->d = F16ToFloat(half) * 0.125f;
  for (int g = 0; g < 32; ++g) {
    const int high = Nibble(b.high, g), sub = g / 2;
    out->scale[sub] = static_cast<int16_t>(2 * (b.scales[sub / 4].value() >> 3 * (sub % 4) & 7) + 1);
    Group8IQ1(b.q[g] | (high & 7) << 8, high & 8, out->code + 8 * g);
  }
}

// Digit k of a byte that holds five base-3 digits as a binary fraction, most significant first; minus one.
int8_t TernaryDigit(uint8_t byte, int k) {
  constexpr uint8_t kPowers[] = {1, 3, 9, 27, 81};
  const uint8_t fraction = static_cast<uint8_t>(byte * kPowers[k]);
  return static_cast<int8_t>((fraction * 3 >> 8) - 1);
}

void Read(const TQ1_0& b, IntegerBlock* out) {
  out->d = b.d.value();
  for (int16_t& scale : out->scale) scale = 1;
  for (int k = 0; k < 5; ++k) {
    for (int l = 0; l < 32; ++l) out->code[32 * k + l] = TernaryDigit(b.q[l], k);
    for (int l = 0; l < 16; ++l) out->code[160 + 16 * k + l] = TernaryDigit(b.q[32 + l], k);
  }
  for (int k = 0; k < 4; ++k)
    for (int l = 0; l < 4; ++l) out->code[240 + 4 * k + l] = TernaryDigit(b.last[l], k);
}

void Read(const TQ2_0& b, IntegerBlock* out) {
  out->d = b.d.value();
  for (int16_t& scale : out->scale) scale = 1;
  for (int i = 0; i < 256; ++i)
    out->code[i] = static_cast<int8_t>((b.q[32 * (i / 128) + i % 32] >> 2 * (i / 32 % 4) & 3) - 1);
}

template <typename Block>
void ReadAs(const std::byte* block, IntegerBlock* out) {
  Read(*reinterpret_cast<const Block*>(block), out);
}

}  // namespace

void ReadRawBlock(DType dtype, const std::byte* block, IntegerBlock* out) {
  switch (dtype) {
    case DType::kIQ2_XXS:
      return ReadAs<IQ2_XXS>(block, out);
    case DType::kIQ2_XS:
      return ReadAs<IQ2_XS>(block, out);
    case DType::kIQ2_S:
      return ReadAs<IQ2_S>(block, out);
    case DType::kIQ3_XXS:
      return ReadAs<IQ3_XXS>(block, out);
    case DType::kIQ3_S:
      return ReadAs<IQ3_S>(block, out);
    case DType::kIQ1_S:
      return ReadAs<IQ1_S>(block, out);
    case DType::kIQ1_M:
      return ReadAs<IQ1_M>(block, out);
    case DType::kTQ1_0:
      return ReadAs<TQ1_0>(block, out);
    case DType::kTQ2_0:
      return ReadAs<TQ2_0>(block, out);
    default:
      return;
  }
}

}  // namespace sluice::kernels
