#include "kernels/integer_block.h"

#include <cstring>

#include "kernels/blocks/codebooks.h"
#include "kernels/blocks/layouts.h"
#include "kernels/codebook_block.h"

namespace sluice::kernels {
namespace {

using namespace blocks;

template <typename Block>
const Block& View(const std::byte* block) {
  return *reinterpret_cast<const Block*>(block);
}

// Sixteen bytes in a register, on any CPU: the compiler alone would take them one by one.
using Bytes = uint8_t __attribute__((vector_size(16)));

Bytes LoadBytes(const uint8_t* p) {
  Bytes v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
void StoreBytes(Bytes v, uint8_t* p) { std::memcpy(p, &v, sizeof v); }

// Low nibbles of kCount bytes are the first elements, high nibbles the next as many.
template <int kCount>
void SplitNibbles(const uint8_t* q, uint8_t* codes) {
  for (int i = 0; i < kCount; i += 16) {
    const Bytes v = LoadBytes(q + i);
    StoreBytes(v & 15, codes + i);
    StoreBytes(v >> 4, codes + kCount + i);
  }
}

// Bit j of `bits` is worth 16 in element j of 32.
void AddFifthBits(uint32_t bits, uint8_t* codes) {
  constexpr uint64_t kOnes = 0x0101010101010101u, kOwnBit = 0x8040201008040201u;
  for (int j = 0; j < 32; j += 8) {
    const uint64_t own = (bits >> j & 255) * kOnes & kOwnBit;  // byte i is not 0 if bit j + i is 1
    const uint64_t set = (own + 0x7f * kOnes) >> 7 & kOnes;
    uint64_t eight;
    std::memcpy(&eight, codes + j, 8);
    eight |= set << 4;
    std::memcpy(codes + j, &eight, 8);
  }
}

// Q2_K, Q3_K and TQ2_0: 32 bytes hold the two-bit codes of 128 elements.
void SplitPairs(const uint8_t* q, uint8_t* codes) {
  for (int i = 0; i < 64; i += 16) {
    const Bytes v = LoadBytes(q + i);
    uint8_t* to = codes + i / 32 * 128 + i % 32;
    StoreBytes(v & 3, to);
    StoreBytes(v >> 2 & 3, to + 32);
    StoreBytes(v >> 4 & 3, to + 64);
    StoreBytes(v >> 6, to + 96);
  }
}

// Q3_K and Q5_K: bit g of high[l] belongs to element 32 g + l, there worth 1 << kShift.
template <int kShift>
void AddColumns(const uint8_t* high, uint8_t* codes) {
  for (int i = 0; i < 32; i += 16) {
    Bytes bits = LoadBytes(high + i);
    for (int g = 0; g < 8; ++g, bits >>= 1)
      StoreBytes(LoadBytes(codes + 32 * g + i) | (bits & 1) << kShift, codes + 32 * g + i);
  }
}

void ReadQ6(const Q6_K& b, uint8_t* codes) {
  for (int i = 0; i < 64; i += 16) {  // of each half's 32 columns
    const int half = i / 32, column = i % 32;
    const Bytes low = LoadBytes(b.low + half * 64 + column);
    const Bytes next = LoadBytes(b.low + half * 64 + 32 + column);
    const Bytes high = LoadBytes(b.high + half * 32 + column);
    uint8_t* to = codes + half * 128 + column;
    StoreBytes((low & 15) | (high & 3) << 4, to);
    StoreBytes((next & 15) | (high >> 2 & 3) << 4, to + 32);
    StoreBytes(low >> 4 | (high >> 4 & 3) << 4, to + 64);
    StoreBytes(next >> 4 | high >> 6 << 4, to + 96);
  }
}

// Turns unsigned codes into the integers they stand for.
void MapCodes(DType dtype, int n, int8_t* codes) {
  const auto map = [&](auto value) {
    for (int i = 0; i < n; ++i) codes[i] = static_cast<int8_t>(value(static_cast<uint8_t>(codes[i])));
  };
  switch (dtype) {
    case DType::kIQ4_NL:
    case DType::kIQ4_XS:
      return map([](uint8_t c) { return kLevelsIQ4[c]; });
    case DType::kMXFP4:
      return map([](uint8_t c) { return kLevelsE2M1[c]; });
    case DType::kQ8_0:
      return map([](uint8_t c) { return c - 128; });
    case DType::kQ4_0:
      return map([](uint8_t c) { return c - 8; });
    case DType::kTQ2_0:
      return map([](uint8_t c) { return c - 1; });
    case DType::kQ5_0:
      return map([](uint8_t c) { return c - 16; });
    case DType::kQ3_K:
      return map([](uint8_t c) { return c - 4; });
    case DType::kQ6_K:
      return map([](uint8_t c) { return c - 32; });
    default:
      return;
  }
}

// `fields`: the block's scale fields, one after the other in the layout's order.
void ReadScales(DType dtype, const uint8_t* fields, IntegerBlock* out) {
  const auto half = [fields](int at) {
    return View<Half>(reinterpret_cast<const std::byte*>(fields + at)).value();
  };
  const auto each = [&](auto scale, auto min) {
    for (int g = 0; g < 16; ++g) {
      out->scale[g] = static_cast<int16_t>(scale(g));
      out->min[g] = static_cast<int16_t>(min(g));
    }
  };
  const auto none = [](int) { return 0; };
  switch (dtype) {
    case DType::kMXFP4:
      out->d = MxHalfScale(fields[0]);
      return;
    case DType::kQ4_1:
    case DType::kQ5_1:
      out->d = half(0);
      out->m = half(2);
      return;
    case DType::kQ2_K:
      each([&](int g) { return fields[g] & 15; }, [&](int g) { return fields[g] >> 4; });
      out->d = half(16);
      out->dmin = half(18);
      return;
    case DType::kQ3_K:
      each([&](int g) { return GetScaleQ3(fields, g); }, none);
      out->d = half(12);
      return;
    case DType::kQ4_K:
    case DType::kQ5_K:
      each([&](int g) { return GetScaleMin(fields, g / 2).scale; },
           [&](int g) { return GetScaleMin(fields, g / 2).min; });
      out->d = half(12);
      out->dmin = half(14);
      return;
    case DType::kQ6_K:
      each([&](int g) { return static_cast<int8_t>(fields[g]); }, none);
      out->d = half(16);
      return;
    case DType::kIQ4_XS: {
      IQ4_XS b;
      std::memcpy(b.scales_low, fields, 4);
      std::memcpy(&b.scales_high, fields + 6, 2);
      each([&](int g) { return GetScaleIQ4(b, g / 2); }, none);
      out->d = half(4);
      return;
    }
    case DType::kTQ2_0:
      each([](int) { return 1; }, none);
      out->d = half(0);
      return;
    default:
      out->d = half(0);
  }
}

void LoadFields(const PanelLayout& layout, const std::byte* from, int row, uint8_t* to) {
  for (const PanelField& f : layout.field) {
    std::memcpy(to, from + row * f.size, f.size);
    to += f.size;
    from += kPanelRows * f.size;
  }
}

}  // namespace

bool HasMinima(DType dtype) {
  switch (dtype) {
    case DType::kQ4_1:
    case DType::kQ5_1:
    case DType::kQ2_K:
    case DType::kQ4_K:
    case DType::kQ5_K:
      return true;
    default:
      return false;
  }
}

void LoadBlock(const PanelLayout& layout, const std::byte* panel, int64_t k, int64_t index, int row,
               IntegerBlock* out) {
  const std::byte* from = panel + layout.FieldsAt(index);
  if (layout.bits == 0) {
    CodebookBlock block = {};
    LoadCodebookBlock(layout.index, panel + layout.VectorsAt(k, index), row, &block);
    LoadFields(layout, from, row, block.fields);
    return DecodeCodebookBlock(layout.dtype(), block, out);
  }
  const int groups = layout.block() / 32;
  for (int g = 0; g < groups; ++g)
    LoadCodes(panel + layout.CodesAt(k, index * groups + g), layout.bits, row,
              reinterpret_cast<uint8_t*>(out->code + 32 * g));
  MapCodes(layout.dtype(), layout.block(), out->code);

  uint8_t fields[24];
  LoadFields(layout, from, row, fields);
  ReadScales(layout.dtype(), fields, out);
}

void ReadPackedCodes(DType dtype, const std::byte* block, uint8_t* codes) {
  switch (dtype) {
    case DType::kQ8_0:  // signed bytes; stored plus 128
      for (int i = 0; i < 32; i += 16) StoreBytes(LoadBytes(View<Q8_0>(block).q + i) ^ 0x80, codes + i);
      return;
    case DType::kQ4_0:
      return SplitNibbles<16>(View<Q4_0>(block).q, codes);
    case DType::kQ4_1:
      return SplitNibbles<16>(View<Q4_1>(block).q, codes);
    case DType::kIQ4_NL:
      return SplitNibbles<16>(View<IQ4_NL>(block).q, codes);
    case DType::kMXFP4:
      return SplitNibbles<16>(View<MXFP4>(block).q, codes);
    case DType::kQ5_0:
      SplitNibbles<16>(View<Q5_0>(block).q, codes);
      return AddFifthBits(View<Q5_0>(block).high.value(), codes);
    case DType::kQ5_1:
      SplitNibbles<16>(View<Q5_1>(block).q, codes);
      return AddFifthBits(View<Q5_1>(block).high.value(), codes);
    case DType::kQ2_K:
      return SplitPairs(View<Q2_K>(block).q, codes);
    case DType::kTQ2_0:
      return SplitPairs(View<TQ2_0>(block).q, codes);
    case DType::kQ3_K:
      SplitPairs(View<Q3_K>(block).q, codes);
      return AddColumns<2>(View<Q3_K>(block).high, codes);
    case DType::kQ4_K:
      for (int c = 0; c < 4; ++c) SplitNibbles<32>(View<Q4_K>(block).q + 32 * c, codes + 64 * c);
      return;
    case DType::kQ5_K:
      for (int c = 0; c < 4; ++c) SplitNibbles<32>(View<Q5_K>(block).q + 32 * c, codes + 64 * c);
      return AddColumns<4>(View<Q5_K>(block).high, codes);
    case DType::kQ6_K:
      return ReadQ6(View<Q6_K>(block), codes);
    case DType::kIQ4_XS:
      for (int c = 0; c < 8; ++c) SplitNibbles<16>(View<IQ4_XS>(block).q + 16 * c, codes + 32 * c);
      return;
    default:
      return;
  }
}

}  // namespace sluice::kernels
