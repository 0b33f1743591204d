#include "kernels/integer_block.h"

#include <cstring>

#include "kernels/blocks/codebooks.h"
#include "kernels/blocks/layouts.h"

namespace sluice::kernels {
namespace {

using namespace blocks;

template <typename Block>
const Block& View(const std::byte* block) {
  return *reinterpret_cast<const Block*>(block);
}

// Low nibbles are the first `count` elements, high nibbles the next.
void SplitNibbles(const uint8_t* q, int count, uint8_t* codes) {
  for (int j = 0; j < count; ++j) {
    codes[j] = q[j] & 15;
    codes[j + count] = q[j] >> 4;
  }
}

// Bit j of `bits` is worth `weight` in element j of 32.
void AddBits(uint32_t bits, int weight, uint8_t* codes) {
  for (int j = 0; j < 32; ++j) codes[j] = static_cast<uint8_t>(codes[j] + (bits >> j & 1) * weight);
}

// Q2_K, Q3_K and TQ2_0: 32 bytes hold the two-bit codes of 128 elements.
void SplitPairs(const uint8_t* q, uint8_t* codes) {
  for (int g = 0; g < 8; ++g)
    for (int l = 0; l < 32; ++l) codes[32 * g + l] = q[g / 4 * 32 + l] >> g % 4 * 2 & 3;
}

// Q3_K and Q5_K: bit g of high[l] belongs to element 32 g + l.
void AddColumns(const uint8_t* high, int weight, uint8_t* codes) {
  for (int g = 0; g < 8; ++g)
    for (int l = 0; l < 32; ++l)
      codes[32 * g + l] = static_cast<uint8_t>(codes[32 * g + l] + (high[l] >> g & 1) * weight);
}

void ReadQ6(const Q6_K& b, uint8_t* codes) {
  for (int g = 0; g < 8; ++g) {
    const int half = g / 4, part = g % 4;
    for (int l = 0; l < 32; ++l) {
      const int low = b.low[half * 64 + part % 2 * 32 + l] >> part / 2 * 4 & 15;
      const int high = b.high[half * 32 + l] >> part * 2 & 3;
      codes[32 * g + l] = static_cast<uint8_t>(low | high << 4);
    }
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
  if (layout.bits == 0)
    return ReadRawBlock(layout.dtype(), panel + (index * kPanelRows + row) * layout.block_bytes(), out);
  const int groups = layout.block() / 32;
  for (int g = 0; g < groups; ++g)
    LoadCodes(panel + layout.CodesAt(k, index * groups + g), layout.bits, row,
              reinterpret_cast<uint8_t*>(out->code + 32 * g));
  MapCodes(layout.dtype(), layout.block(), out->code);

  uint8_t fields[24];
  uint8_t* to = fields;
  const std::byte* from = panel + layout.FieldsAt(index);
  for (const PanelField& f : layout.field) {
    std::memcpy(to, from + row * f.size, f.size);
    to += f.size;
    from += kPanelRows * f.size;
  }
  ReadScales(layout.dtype(), fields, out);
}

void ReadPackedCodes(DType dtype, const std::byte* block, uint8_t* codes) {
  switch (dtype) {
    case DType::kQ8_0:  // signed bytes; stored plus 128
      for (int i = 0; i < 32; ++i) codes[i] = View<Q8_0>(block).q[i] ^ 0x80;
      return;
    case DType::kQ4_0:
      return SplitNibbles(View<Q4_0>(block).q, 16, codes);
    case DType::kQ4_1:
      return SplitNibbles(View<Q4_1>(block).q, 16, codes);
    case DType::kIQ4_NL:
      return SplitNibbles(View<IQ4_NL>(block).q, 16, codes);
    case DType::kMXFP4:
      return SplitNibbles(View<MXFP4>(block).q, 16, codes);
    case DType::kQ5_0:
      SplitNibbles(View<Q5_0>(block).q, 16, codes);
      return AddBits(View<Q5_0>(block).high.value(), 16, codes);
    case DType::kQ5_1:
      SplitNibbles(View<Q5_1>(block).q, 16, codes);
      return AddBits(View<Q5_1>(block).high.value(), 16, codes);
    case DType::kQ2_K:
      return SplitPairs(View<Q2_K>(block).q, codes);
    case DType::kTQ2_0:
      return SplitPairs(View<TQ2_0>(block).q, codes);
    case DType::kQ3_K:
      SplitPairs(View<Q3_K>(block).q, codes);
      return AddColumns(View<Q3_K>(block).high, 4, codes);
    case DType::kQ4_K:
      for (int c = 0; c < 4; ++c) SplitNibbles(View<Q4_K>(block).q + 32 * c, 32, codes + 64 * c);
      return;
    case DType::kQ5_K:
      for (int c = 0; c < 4; ++c) SplitNibbles(View<Q5_K>(block).q + 32 * c, 32, codes + 64 * c);
      return AddColumns(View<Q5_K>(block).high, 16, codes);
    case DType::kQ6_K:
      return ReadQ6(View<Q6_K>(block), codes);
    case DType::kIQ4_XS:
      for (int c = 0; c < 8; ++c) SplitNibbles(View<IQ4_XS>(block).q + 16 * c, 16, codes + 32 * c);
      return;
    default:
      return;
  }
}

}  // namespace sluice::kernels
