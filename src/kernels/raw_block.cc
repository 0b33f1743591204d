// Codebook blocks, and TQ1_0, as integers.
#include <array>
#include <cstring>
#include <type_traits>

#include "kernels/blocks/codebooks.h"
#include "kernels/blocks/layouts.h"
#include "kernels/integer_block.h"

namespace sluice::kernels {
namespace {

using namespace blocks;

int Nibble(const uint8_t* bytes, int i) { return bytes[i / 2] >> 4 * (i % 2) & 15; }

constexpr uint64_t kOnes = 0x0101010101010101u;
constexpr uint64_t kBias = 128 * kOnes;  // bytes plus 128 neither carry nor borrow below

// The grids with their levels looked up, a byte each, first element lowest; and signs as bytes of ones.
struct ByteGrids {
  uint64_t iq2_xxs[256], iq2_xs[512], iq2_s[1024];
  uint64_t iq1[2048];  // eight times -1, 0 or 1, plus 128
  uint32_t iq3_xxs[256], iq3_s[512];
  uint64_t minus[256], even_minus[128];  // of eight signs; of seven, the eighth making their number even

  ByteGrids() {
    const auto expand = [](const auto& grid, int count, int bits, auto level, auto* out) {
      for (size_t i = 0; i < grid.size(); ++i) {
        uint64_t bytes = 0;
        for (int j = 0; j < count; ++j)
          bytes |= static_cast<uint64_t>(level(grid[i] >> bits * j & ((1 << bits) - 1))) << 8 * j;
        out[i] = static_cast<std::remove_reference_t<decltype(out[0])>>(bytes);
      }
    };
    const auto iq2_level = [](int l) { return kLevelsIQ2[static_cast<size_t>(l)]; };
    expand(kGridIQ2_XXS, 8, 2, iq2_level, iq2_xxs);
    expand(kGridIQ2_XS, 8, 2, iq2_level, iq2_xs);
    expand(kGridIQ2_S, 8, 2, iq2_level, iq2_s);
    expand(kGridIQ1, 8, 2, [](int l) { return 8 * (l - 1) + 128; }, iq1);
    expand(kGridIQ3_XXS, 4, 3, [](int l) { return kLevelsIQ3_XXS[static_cast<size_t>(l)]; }, iq3_xxs);
    expand(kGridIQ3_S, 4, 3, [](int l) { return kLevelsIQ3_S[static_cast<size_t>(l)]; }, iq3_s);
    for (uint64_t signs = 0; signs < 256; ++signs) {
      minus[signs] = 0;
      for (int j = 0; j < 8; ++j) minus[signs] |= (signs >> j & 1) * (uint64_t{255} << 8 * j);
    }
    for (uint32_t seven = 0; seven < 128; ++seven) even_minus[seven] = minus[EvenSigns(seven)];
  }
};

const ByteGrids& Grids() {
  static const ByteGrids grids;
  return grids;
}

void StoreBiased(uint64_t bytes, int8_t* code) {
  bytes ^= kBias;
  std::memcpy(code, &bytes, sizeof(bytes));
}

// Eight magnitudes, negated where the bytes of `minus` are set.
void Group8(uint64_t magnitudes, uint64_t minus, int8_t* code) {
  StoreBiased(kBias + (magnitudes & ~minus) - (magnitudes & minus), code);
}

uint64_t Join(uint32_t low, uint32_t high) { return low | uint64_t{high} << 32; }

// The values are -1, 0, 1, shifted by an eighth: times eight they are integers.
void Group8IQ1(uint64_t entry, bool down, int8_t* code) {
  StoreBiased(down ? entry - kOnes : entry + kOnes, code);
}

void Read(const IQ2_XXS& b, IntegerBlock* out) {
  const ByteGrids& grids = Grids();
  out->d = b.d.value() * 0.125f;
  for (int g = 0; g < 32; ++g) {
    const uint32_t signs_scale = b.part[g / 4].signs_scale.value();
    out->scale[g / 2] = static_cast<int16_t>(2 * (signs_scale >> 28) + 1);
    Group8(grids.iq2_xxs[b.part[g / 4].index[g % 4]], grids.even_minus[signs_scale >> 7 * (g % 4) & 127],
           out->code + 8 * g);
  }
}

void Read(const IQ2_XS& b, IntegerBlock* out) {
  const ByteGrids& grids = Grids();
  out->d = b.d.value() * 0.125f;
  for (int g = 0; g < 32; ++g) {
    const uint16_t q = b.q[g].value();
    out->scale[g / 2] = static_cast<int16_t>(2 * Nibble(b.scales, g / 2) + 1);
    Group8(grids.iq2_xs[q & 511], grids.even_minus[q >> 9], out->code + 8 * g);
  }
}

void Read(const IQ2_S& b, IntegerBlock* out) {
  const ByteGrids& grids = Grids();
  out->d = b.d.value() * 0.125f;
  for (int g = 0; g < 32; ++g) {
    const size_t index = b.q[g] | (b.high[g / 4] >> 2 * (g % 4) & 3) << 8;
    out->scale[g / 2] = static_cast<int16_t>(2 * Nibble(b.scales, g / 2) + 1);
    Group8(grids.iq2_s[index], grids.minus[b.signs[g]], out->code + 8 * g);
  }
}

void Read(const IQ3_XXS& b, IntegerBlock* out) {
  const ByteGrids& grids = Grids();
  out->d = b.d.value() * 0.25f;
  for (int g = 0; g < 32; ++g) {
    const uint32_t signs_scale = b.signs_scale[g / 4].value();
    out->scale[g / 2] = static_cast<int16_t>(2 * (signs_scale >> 28) + 1);
    Group8(Join(grids.iq3_xxs[b.q[2 * g]], grids.iq3_xxs[b.q[2 * g + 1]]),
           grids.even_minus[signs_scale >> 7 * (g % 4) & 127], out->code + 8 * g);
  }
}

void Read(const IQ3_S& b, IntegerBlock* out) {
  const ByteGrids& grids = Grids();
  out->d = b.d.value();
  const auto entry = [&](int i) { return grids.iq3_s[b.q[i] | (b.high[i / 8] >> i % 8 & 1) << 8]; };
  for (int g = 0; g < 32; ++g) {
    out->scale[g / 2] = static_cast<int16_t>(2 * Nibble(b.scales, g / 4) + 1);
    Group8(Join(entry(2 * g), entry(2 * g + 1)), grids.minus[b.signs[g]], out->code + 8 * g);
  }
}

void Read(const IQ1_S& b, IntegerBlock* out) {
  const ByteGrids& grids = Grids();
  out->d = b.d.value() * 0.125f;
  for (int g = 0; g < 32; ++g) {
    const uint16_t high = b.high[g / 4].value();
    out->scale[g / 2] = static_cast<int16_t>(2 * (high >> 12 & 7) + 1);
    Group8IQ1(grids.iq1[b.q[g] | (high >> 3 * (g % 4) & 7) << 8], high >> 15, out->code + 8 * g);
  }
}

void Read(const IQ1_M& b, IntegerBlock* out) {
  const ByteGrids& grids = Grids();
  uint16_t half = 0;
  for (int i = 0; i < 4; ++i) half = static_cast<uint16_t>(half | (b.scales[i].value() >> 12) << 4 * i);
  out->d = F16ToFloat(half) * 0.125f;
  for (int g = 0; g < 32; ++g) {
    const int high = Nibble(b.high, g), sub = g / 2;
    out->scale[sub] = static_cast<int16_t>(2 * (b.scales[sub / 4].value() >> 3 * (sub % 4) & 7) + 1);
    Group8IQ1(grids.iq1[b.q[g] | (high & 7) << 8], high & 8, out->code + 8 * g);
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
    default:
      return;
  }
}

}  // namespace sluice::kernels
