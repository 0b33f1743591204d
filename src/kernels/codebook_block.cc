// Codebook blocks, and TQ1_0: from the file, in a panel, as integers.
#include "kernels/codebook_block.h"

#include <cstring>
#include <type_traits>

#include "kernels/blocks/codebooks.h"
#include "kernels/blocks/layouts.h"

namespace sluice::kernels {
namespace {

using namespace blocks;

int Nibble(const uint8_t* bytes, int i) { return bytes[i / 2] >> 4 * (i % 2) & 15; }

// --- From the file: all but the fields ---

// Four times seven signs.
void SetSigns(uint32_t word, uint8_t* signs) {
  for (int i = 0; i < 4; ++i) signs[i] = EvenSigns(word >> 7 * i & 127);
}

void Rearrange(const IQ2_XXS& b, CodebookBlock* out) {
  for (int p = 0; p < 8; ++p) {
    std::memcpy(out->index + 4 * p, b.part[p].index, 4);
    SetSigns(b.part[p].signs_scale.value(), out->signs + 4 * p);
  }
}

void Rearrange(const IQ2_XS& b, CodebookBlock* out) {
  for (int g = 0; g < 32; ++g) {
    const uint16_t q = b.q[g].value();
    out->index[g] = static_cast<uint8_t>(q);
    out->high[g] = q >> 8 & 1;
    out->signs[g] = EvenSigns(q >> 9);
  }
}

void Rearrange(const IQ2_S& b, CodebookBlock* out) {
  std::memcpy(out->index, b.q, 32);
  std::memcpy(out->signs, b.signs, 32);
  for (int g = 0; g < 32; ++g) out->high[g] = b.high[g / 4] >> 2 * (g % 4) & 3;
}

void Rearrange(const IQ3_XXS& b, CodebookBlock* out) {
  std::memcpy(out->index, b.q, 64);
  for (int p = 0; p < 8; ++p) SetSigns(b.signs_scale[p].value(), out->signs + 4 * p);
}

void Rearrange(const IQ3_S& b, CodebookBlock* out) {
  std::memcpy(out->index, b.q, 64);
  std::memcpy(out->signs, b.signs, 32);
  for (int i = 0; i < 64; ++i) out->high[i] = b.high[i / 8] >> i % 8 & 1;
}

void Rearrange(const IQ1_S& b, CodebookBlock* out) {
  std::memcpy(out->index, b.q, 32);
  for (int g = 0; g < 32; ++g) out->high[g] = b.high[g / 4].value() >> 3 * (g % 4) & 7;
}

void Rearrange(const IQ1_M& b, CodebookBlock* out) {
  std::memcpy(out->index, b.q, 32);
  for (int g = 0; g < 32; ++g) out->high[g] = static_cast<uint8_t>(Nibble(b.high, g));
}

void Rearrange(const TQ1_0& b, CodebookBlock* out) { std::memcpy(out->index, b.q, 32); }

// --- From the file: the fields ---

void SetScale(int group, uint32_t nibble, uint8_t* fields) {
  uint8_t& byte = fields[group / 8 * 4 + group % 4];
  byte = static_cast<uint8_t>(group & 4 ? byte | nibble << 4 : nibble);
}

void SetScales(const uint8_t* nibbles, int count, uint8_t* fields) {
  for (int s = 0; s < count; ++s) SetScale(s, static_cast<uint32_t>(Nibble(nibbles, s)), fields);
}

// IQ2_XS, IQ2_S and IQ3_S; the others differ.
template <typename Block>
void ReadFields(const Block& b, uint8_t* fields) {
  SetScales(b.scales, 2 * static_cast<int>(sizeof(b.scales)), fields);
  std::memcpy(fields + sizeof(b.scales), &b.d, 2);
}

void ReadFields(const IQ2_XXS& b, uint8_t* fields) {
  for (int p = 0; p < 8; ++p) SetScale(p, b.part[p].signs_scale.value() >> 28, fields);
  std::memcpy(fields + 4, &b.d, 2);
}

void ReadFields(const IQ3_XXS& b, uint8_t* fields) {
  for (int p = 0; p < 8; ++p) SetScale(p, b.signs_scale[p].value() >> 28, fields);
  std::memcpy(fields + 4, &b.d, 2);
}

void ReadFields(const IQ1_S& b, uint8_t* fields) {
  for (int p = 0; p < 8; ++p) SetScale(p, b.high[p].value() >> 12, fields);
  std::memcpy(fields + 4, &b.d, 2);
}

void ReadFields(const IQ1_M& b, uint8_t* fields) {
  uint32_t low = 0;
  uint16_t third = 0, half = 0;
  for (int s = 0; s < 16; ++s) {
    const int w = s / 4, j = s % 4;
    const uint32_t scale = b.scales[w].value() >> 3 * j & 7;
    low |= (scale & 3) << (8 * j + 2 * w);
    third = static_cast<uint16_t>(third | (scale >> 2) << (4 * j + w));
  }
  for (int i = 0; i < 4; ++i) half = static_cast<uint16_t>(half | (b.scales[i].value() >> 12) << 4 * i);
  std::memcpy(fields, &low, 4);
  std::memcpy(fields + 4, &third, 2);
  std::memcpy(fields + 6, &half, 2);
}

void ReadFields(const TQ1_0& b, uint8_t* fields) {
  std::memcpy(fields, b.q + 32, 16);
  std::memcpy(fields + 16, b.last, 4);
  std::memcpy(fields + 20, &b.d, 2);
}

// Calls read(the block as what it is).
template <typename Read>
void AsItsType(DType dtype, const std::byte* block, Read read) {
  switch (dtype) {
    case DType::kIQ2_XXS:
      return read(*reinterpret_cast<const IQ2_XXS*>(block));
    case DType::kIQ2_XS:
      return read(*reinterpret_cast<const IQ2_XS*>(block));
    case DType::kIQ2_S:
      return read(*reinterpret_cast<const IQ2_S*>(block));
    case DType::kIQ3_XXS:
      return read(*reinterpret_cast<const IQ3_XXS*>(block));
    case DType::kIQ3_S:
      return read(*reinterpret_cast<const IQ3_S*>(block));
    case DType::kIQ1_S:
      return read(*reinterpret_cast<const IQ1_S*>(block));
    case DType::kIQ1_M:
      return read(*reinterpret_cast<const IQ1_M*>(block));
    case DType::kTQ1_0:
      return read(*reinterpret_cast<const TQ1_0*>(block));
    default:
      return;
  }
}

// --- In a panel ---

// The four signs of half `half` (0, 1) of group g are a nibble of 64 bits for sixteen rows: those of a group
// and a half in a row, first all first halves. Where the eighth sign is not kept, the second halves take 24
// groups' nibbles, with the last eight groups' bits in the place of their eighth signs.
constexpr int kSecondHalves = 256;

void SetNibble(std::byte* vectors, int at, int row, int nibble) {
  std::byte& byte = vectors[at + row / 2];
  byte = row % 2 ? (byte & std::byte{15}) | std::byte(nibble << 4) : std::byte(nibble);
}
int GetNibble(const std::byte* vectors, int at, int row) {
  return std::to_integer<int>(vectors[at + row / 2] >> 4 * (row % 2)) & 15;
}

void StoreSigns(int bits, const uint8_t* signs, int row, std::byte* vectors) {
  for (int g = 0; g < 32; ++g) SetNibble(vectors, 8 * g, row, signs[g] & 15);
  for (int g = 0; g < (bits == 8 ? 32 : 24); ++g) {
    const int nibble =
        bits == 8 ? signs[g] >> 4 : (signs[g] >> 4 & 7) | (signs[24 + g % 8] >> (4 + g / 8) & 1) << 3;
    SetNibble(vectors, kSecondHalves + 8 * g, row, nibble);
  }
}

void LoadSigns(int bits, const std::byte* vectors, int row, uint8_t* signs) {
  int second[32] = {};
  for (int g = 0; g < (bits == 8 ? 32 : 24); ++g) {
    second[g] = GetNibble(vectors, kSecondHalves + 8 * g, row);
    if (bits == 7) second[24 + g % 8] |= (second[g] >> 3) << g / 8;
  }
  for (int g = 0; g < 32; ++g) {
    const int all = GetNibble(vectors, 8 * g, row) | second[g] << 4;
    signs[g] = bits == 8 ? static_cast<uint8_t>(all) : EvenSigns(static_cast<uint32_t>(all & 127));
  }
}

// --- As integers ---

constexpr uint64_t kOnes = 0x0101010101010101u;
constexpr uint64_t kBias = 128 * kOnes;  // bytes plus 128 neither carry nor borrow below

// The grids with their levels looked up, a byte each, first element lowest; and signs as bytes of ones.
struct ByteGrids {
  uint64_t iq2_xxs[256], iq2_xs[512], iq2_s[1024];
  uint64_t iq1[2048];  // eight times -1, 0 or 1, plus 128
  uint32_t iq3_xxs[256], iq3_s[512];
  uint64_t minus[256];  // of eight signs

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

int Scale(const CodebookBlock& b, int group) {
  return b.fields[group / 8 * 4 + group % 4] >> (group & 4) & 15;
}

float HalfAt(const CodebookBlock& b, int at) {
  Half half;
  std::memcpy(&half, b.fields + at, 2);
  return half.value();
}

size_t Index(const CodebookBlock& b, int i) { return b.index[i] | size_t{b.high[i]} << 8; }

// Groups of eight. kGroup: elements that share a scale.
template <int kGroup>
void DecodeIQ2(const uint64_t* grid, const CodebookBlock& b, IntegerBlock* out) {
  out->d = HalfAt(b, 128 / kGroup) * 0.125f;
  for (int s = 0; s < 16; ++s) out->scale[s] = static_cast<int16_t>(2 * Scale(b, s * 16 / kGroup) + 1);
  for (int g = 0; g < 32; ++g) Group8(grid[Index(b, g)], Grids().minus[b.signs[g]], out->code + 8 * g);
}

// Groups of four, a scale per 32.
void DecodeIQ3(const uint32_t* grid, float unit, const CodebookBlock& b, IntegerBlock* out) {
  out->d = HalfAt(b, 4) * unit;
  for (int s = 0; s < 16; ++s) out->scale[s] = static_cast<int16_t>(2 * Scale(b, s / 2) + 1);
  for (int g = 0; g < 32; ++g)
    Group8(Join(grid[Index(b, 2 * g)], grid[Index(b, 2 * g + 1)]), Grids().minus[b.signs[g]],
           out->code + 8 * g);
}

// The values are -1, 0, 1, shifted by an eighth: times eight they are integers.
void Group8IQ1(size_t index, bool down, int8_t* code) {
  const uint64_t entry = Grids().iq1[index];
  StoreBiased(down ? entry - kOnes : entry + kOnes, code);
}

void DecodeIQ1_S(const CodebookBlock& b, IntegerBlock* out) {
  out->d = HalfAt(b, 4) * 0.125f;
  for (int s = 0; s < 16; ++s) out->scale[s] = static_cast<int16_t>(2 * (Scale(b, s / 2) & 7) + 1);
  for (int g = 0; g < 32; ++g) Group8IQ1(Index(b, g), Scale(b, g / 4) >> 3, out->code + 8 * g);
}

void DecodeIQ1_M(const CodebookBlock& b, IntegerBlock* out) {
  out->d = HalfAt(b, 6) * 0.125f;
  for (int s = 0; s < 16; ++s) {
    const int w = s / 4, j = s % 4;
    const int third = b.fields[4 + j / 2] >> (j % 2 * 4 + w) & 1;
    out->scale[s] = static_cast<int16_t>(2 * ((b.fields[j] >> 2 * w & 3) | third << 2) + 1);
  }
  for (int g = 0; g < 32; ++g) Group8IQ1(Index(b, g) & 2047, b.high[g] >> 3, out->code + 8 * g);
}

// Digit k of a byte that holds five base-3 digits as a binary fraction, most significant first; minus one.
int8_t TernaryDigit(uint8_t byte, int k) {
  constexpr uint8_t kPowers[] = {1, 3, 9, 27, 81};
  const uint8_t fraction = static_cast<uint8_t>(byte * kPowers[k]);
  return static_cast<int8_t>((fraction * 3 >> 8) - 1);
}

void DecodeTQ1(const CodebookBlock& b, IntegerBlock* out) {
  out->d = HalfAt(b, 20);
  for (int16_t& scale : out->scale) scale = 1;
  for (int k = 0; k < 5; ++k) {
    for (int l = 0; l < 32; ++l) out->code[32 * k + l] = TernaryDigit(b.index[l], k);
    for (int l = 0; l < 16; ++l) out->code[160 + 16 * k + l] = TernaryDigit(b.fields[l], k);
  }
  for (int k = 0; k < 4; ++k)
    for (int l = 0; l < 4; ++l) out->code[240 + 4 * k + l] = TernaryDigit(b.fields[16 + l], k);
}

}  // namespace

void ReadCodebookBlock(DType dtype, const std::byte* block, CodebookBlock* out) {
  AsItsType(dtype, block, [out](const auto& b) { Rearrange(b, out); });
}

void ReadCodebookFields(DType dtype, const std::byte* block, uint8_t* fields) {
  AsItsType(dtype, block, [fields](const auto& b) { ReadFields(b, fields); });
}

void StoreCodebookBlock(const IndexLayout& layout, const CodebookBlock& block, int row, std::byte* vectors) {
  for (int c = 0; c < layout.chunks; ++c) {
    StoreCodes(vectors + c * 8 * 64, 8, row, block.index + 32 * c);
    StoreCodes(vectors + (layout.chunks * 8 + c * layout.high_bits) * 64, layout.high_bits, row,
               block.high + 32 * c);
  }
  if (layout.sign_bits > 0) StoreSigns(layout.sign_bits, block.signs, row, vectors + layout.signs_at());
}

void LoadCodebookBlock(const IndexLayout& layout, const std::byte* vectors, int row, CodebookBlock* out) {
  for (int c = 0; c < layout.chunks; ++c) {
    LoadCodes(vectors + c * 8 * 64, 8, row, out->index + 32 * c);
    LoadCodes(vectors + (layout.chunks * 8 + c * layout.high_bits) * 64, layout.high_bits, row,
              out->high + 32 * c);
  }
  if (layout.sign_bits > 0) LoadSigns(layout.sign_bits, vectors + layout.signs_at(), row, out->signs);
}

void DecodeCodebookBlock(DType dtype, const CodebookBlock& block, IntegerBlock* out) {
  const ByteGrids& grids = Grids();
  switch (dtype) {
    case DType::kIQ2_XXS:
      return DecodeIQ2<32>(grids.iq2_xxs, block, out);
    case DType::kIQ2_XS:
      return DecodeIQ2<16>(grids.iq2_xs, block, out);
    case DType::kIQ2_S:
      return DecodeIQ2<16>(grids.iq2_s, block, out);
    case DType::kIQ3_XXS:
      return DecodeIQ3(grids.iq3_xxs, 0.25f, block, out);
    case DType::kIQ3_S:
      return DecodeIQ3(grids.iq3_s, 1, block, out);
    case DType::kIQ1_S:
      return DecodeIQ1_S(block, out);
    case DType::kIQ1_M:
      return DecodeIQ1_M(block, out);
    case DType::kTQ1_0:
      return DecodeTQ1(block, out);
    default:
      return;
  }
}

}  // namespace sluice::kernels
