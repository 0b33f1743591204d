#include "kernels/panel.h"

#include <algorithm>
#include <cstring>

#include "base/float16.h"
#include "kernels/integer_block.h"
#include "kernels/panel_layout.h"

namespace sluice::kernels {
namespace {

constexpr PanelFormat kFloatFormats[] = {
    {DType::kF32, ActType::kF32, 1},
    {DType::kF16, ActType::kF32, 1},
    {DType::kBF16, ActType::kF32, 1},
    {DType::kF8E4M3, ActType::kF32, 1},
};

// Float panels are [k][16]. T: an integer of the float's size. Sixteen k at a time, a line of each row.
template <typename T>
void PackFloats(const PanelRows& rows, int64_t k, std::byte* out) {
  constexpr int64_t kStep = 16;
  for (int64_t begin = 0; begin < k; begin += kStep)
    for (int r = 0; r < kPanelRows; ++r) {
      if (!rows.row[r]) continue;
      for (int64_t i = begin; i < std::min(k, begin + kStep); ++i)
        std::memcpy(out + (i * kPanelRows + r) * sizeof(T), rows.row[r] + i * sizeof(T), sizeof(T));
    }
}

void PackF8Scales(const PanelRows& rows, int64_t k, std::byte* out) {
  for (int64_t b = 0; b * kF8Block < k; ++b)
    for (int r = 0; r < kPanelRows; ++r) {
      const float scale = rows.scale[r] ? rows.scale[r][b * rows.scale_stride] : 1.0f;
      std::memcpy(out + (b * kPanelRows + r) * sizeof(float), &scale, sizeof(float));
    }
}

// Copies of a size that the compiler knows.
void CopyField(const std::byte* from, int size, std::byte* to) {
  if (size == 4)
    std::memcpy(to, from, 4);
  else if (size == 2)
    std::memcpy(to, from, 2);
  else if (size == 1)
    *to = *from;
}

void PackBlock(const PanelLayout& layout, const std::byte* block, int64_t k, int64_t index, int row,
               std::byte* panel) {
  uint8_t codes[256];
  ReadPackedCodes(layout.dtype(), block, codes);
  const int groups = layout.block() / 32;
  for (int g = 0; g < groups; ++g)
    StoreCodes(panel + layout.CodesAt(k, index * groups + g), layout.bits, row, codes + 32 * g);
  std::byte* to = panel + layout.FieldsAt(index);
  for (const PanelField& f : layout.field) {
    CopyField(block + f.offset, f.size, to + row * f.size);
    to += kPanelRows * f.size;
  }
}

void PackBlocks(const PanelLayout& layout, const PanelRows& rows, int64_t k, std::byte* panel) {
  const int bytes = layout.block_bytes();
  for (int64_t b = 0; b < k / layout.block(); ++b)
    for (int r = 0; r < kPanelRows; ++r) {
      if (!rows.row[r]) continue;
      const std::byte* block = rows.row[r] + b * bytes;
      if (layout.bits == 0)
        std::memcpy(panel + (b * kPanelRows + r) * bytes, block, bytes);
      else
        PackBlock(layout, block, k, b, r, panel);
    }
}

// Products of scales and code are exact in float; a minimum is subtracted with one rounding.
void DecodeBlock(const PanelLayout& layout, const IntegerBlock& block, float* out) {
  const bool minima = HasMinima(layout.dtype());
  for (int i = 0; i < layout.block(); ++i) {
    if (layout.block() == 256) {
      out[i] = block.d * block.scale[i / 16] * block.code[i];
      if (minima) out[i] -= block.dmin * block.min[i / 16];
    } else {
      out[i] = block.d * block.code[i];
      if (minima) out[i] += block.m;
    }
  }
}

void DecodeBlocks(const PanelLayout& layout, const std::byte* panel, int64_t k, int row, float* out) {
  IntegerBlock block;
  for (int64_t b = 0; b < k / layout.block(); ++b) {
    LoadBlock(layout, panel, k, b, row, &block);
    DecodeBlock(layout, block, out + b * layout.block());
  }
}

template <typename T>
T Load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

}  // namespace

const PanelFormat* FindPanelFormat(DType dtype) {
  for (const PanelFormat& format : kFloatFormats)
    if (format.dtype == dtype) return &format;
  const PanelLayout* layout = FindPanelLayout(dtype);
  return layout ? &layout->format : nullptr;
}

int64_t PanelBytes(DType dtype, int64_t k) {
  if (const PanelLayout* layout = FindPanelLayout(dtype)) return layout->bytes(k);
  if (dtype == DType::kF8E4M3)
    return F8ScalesAt(k) + ActLayout::Align((k + kF8Block - 1) / kF8Block * kPanelRows * 4);
  return ActLayout::Align(k * kPanelRows * Info(dtype).block_bytes);
}

void PackPanel(DType dtype, const PanelRows& rows, int64_t k, std::byte* out) {
  std::memset(out, 0, PanelBytes(dtype, k));
  if (const PanelLayout* layout = FindPanelLayout(dtype)) return PackBlocks(*layout, rows, k, out);
  if (dtype == DType::kF32) return PackFloats<uint32_t>(rows, k, out);
  if (dtype != DType::kF8E4M3) return PackFloats<uint16_t>(rows, k, out);
  PackFloats<uint8_t>(rows, k, out);
  PackF8Scales(rows, k, out + F8ScalesAt(k));
}

void DecodePanelRow(DType dtype, const std::byte* panel, int64_t k, int row, float* out) {
  if (const PanelLayout* layout = FindPanelLayout(dtype)) return DecodeBlocks(*layout, panel, k, row, out);
  const std::byte* scales = panel + F8ScalesAt(k);
  for (int64_t i = 0; i < k; ++i) {
    const int64_t at = i * kPanelRows + row;
    switch (dtype) {
      case DType::kF32:
        out[i] = Load<float>(panel + at * 4);
        break;
      case DType::kF16:
        out[i] = F16ToFloat(Load<uint16_t>(panel + at * 2));
        break;
      case DType::kBF16:
        out[i] = Bf16ToFloat(Load<uint16_t>(panel + at * 2));
        break;
      default:
        out[i] = F8E4M3ToFloat(Load<uint8_t>(panel + at)) *
                 Load<float>(scales + (i / kF8Block * kPanelRows + row) * 4);
    }
  }
}

}  // namespace sluice::kernels
