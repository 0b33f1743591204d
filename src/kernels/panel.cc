#include "kernels/panel.h"

#include <algorithm>
#include <cstring>

#include "base/float16.h"
#include "kernels/codebook_block.h"
#include "kernels/integer_block.h"
#include "kernels/interleave.h"
#include "kernels/panel_layout.h"

namespace sluice::kernels {
namespace {

constexpr PanelFormat kFloatFormats[] = {
    {DType::kF32, ActType::kF32, 1},
    {DType::kF16, ActType::kF32, 1},
    {DType::kBF16, ActType::kF32, 1},
    {DType::kF8E4M3, ActType::kF32, 1},
};

// Float panels are [k][16]. T: an integer of the float's size. Sixteen k at a time, a line of each row, from
// `begin` on.
template <typename T>
void PackFloats(const PanelRows& rows, int64_t begin, int64_t k, std::byte* out) {
  constexpr int64_t kStep = 16;
  for (; begin < k; begin += kStep)
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

void PackFloats(DType dtype, const PanelRows& rows, int64_t k, InterleaveFn interleave, std::byte* out) {
  if (interleave) interleave(rows.row, k, out);
  const int64_t rest = interleave ? k / kInterleaveStep * kInterleaveStep : 0;
  if (dtype == DType::kF32) return PackFloats<uint32_t>(rows, rest, k, out);
  if (dtype != DType::kF8E4M3) return PackFloats<uint16_t>(rows, rest, k, out);
  PackFloats<uint8_t>(rows, rest, k, out);
  PackF8Scales(rows, k, out + F8ScalesAt(k));
}

// One field of every row's block, in a size that the compiler knows.
template <int kSize>
void CopyField(const PanelRows& rows, int64_t at, std::byte* to) {
  for (int r = 0; r < kPanelRows; ++r)
    if (rows.row[r]) std::memcpy(to + r * kSize, rows.row[r] + at, kSize);
}

void PackFields(const PanelLayout& layout, const PanelRows& rows, int64_t k, std::byte* panel) {
  for (int64_t b = 0; b < k / layout.block(); ++b) {
    std::byte* to = panel + layout.FieldsAt(b);
    for (const PanelField& f : layout.field) {
      const int64_t at = b * layout.block_bytes() + f.offset;
      if (f.size == 4) CopyField<4>(rows, at, to);
      if (f.size == 2) CopyField<2>(rows, at, to);
      if (f.size == 1) CopyField<1>(rows, at, to);
      to += kPanelRows * f.size;
    }
  }
}

void PackCodes(const PanelLayout& layout, const PanelRows& rows, int64_t k, std::byte* panel) {
  const int groups = layout.block() / 32;
  for (int64_t b = 0; b < k / layout.block(); ++b)
    for (int r = 0; r < kPanelRows; ++r) {
      if (!rows.row[r]) continue;
      uint8_t codes[256];
      ReadPackedCodes(layout.dtype(), rows.row[r] + b * layout.block_bytes(), codes);
      for (int g = 0; g < groups; ++g)
        StoreCodes(panel + layout.CodesAt(k, b * groups + g), layout.bits, r, codes + 32 * g);
    }
}

void PackIndexFields(const PanelLayout& layout, const PanelRows& rows, int64_t k, std::byte* panel) {
  uint8_t fields[sizeof(CodebookBlock::fields)];
  for (int64_t b = 0; b < k / 256; ++b)
    for (int r = 0; r < kPanelRows; ++r) {
      if (!rows.row[r]) continue;
      ReadCodebookFields(layout.dtype(), rows.row[r] + b * layout.block_bytes(), fields);
      std::byte* to = panel + layout.FieldsAt(b);
      for (const PanelField& f : layout.field) {
        std::memcpy(to + r * f.size, fields + f.offset, f.size);
        to += kPanelRows * f.size;
      }
    }
}

void PackIndices(const PanelLayout& layout, const PanelRows& rows, int64_t k, std::byte* panel) {
  CodebookBlock block = {};
  for (int64_t b = 0; b < k / 256; ++b)
    for (int r = 0; r < kPanelRows; ++r) {
      if (!rows.row[r]) continue;
      ReadCodebookBlock(layout.dtype(), rows.row[r] + b * layout.block_bytes(), &block);
      StoreCodebookBlock(layout.index, block, r, panel + layout.VectorsAt(k, b));
    }
}

// What stands between the arrays of a panel and behind the last.
void ZeroGaps(DType dtype, int64_t k, std::byte* panel) {
  const auto zero = [panel](int64_t begin, int64_t end) {
    std::memset(panel + begin, 0, static_cast<size_t>(end - begin));
  };
  int64_t end = k * kPanelRows * Info(dtype).block_bytes;
  if (const PanelLayout* layout = FindPanelLayout(dtype)) {
    return zero(layout->FieldsAt(k / layout->block()), layout->CodesAt(k, 0));
  }
  if (dtype == DType::kF8E4M3) {
    zero(end, F8ScalesAt(k));
    end = F8ScalesAt(k) + (k + kF8Block - 1) / kF8Block * kPanelRows * 4;
  }
  zero(end, PanelBytes(dtype, k));
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
  static const Isa best = SelectIsa().value_or(Isa::kScalar);
  PackPanelWith(best, dtype, rows, k, out);
}

void PackPanelWith(Isa isa, DType dtype, const PanelRows& rows, int64_t k, std::byte* out) {
  const bool whole = std::ranges::all_of(rows.row, [](const std::byte* row) { return row != nullptr; });
  if (whole)
    ZeroGaps(dtype, k, out);
  else
    std::memset(out, 0, static_cast<size_t>(PanelBytes(dtype, k)));
  const InterleaveFn interleave = whole ? FindInterleave(isa, dtype) : nullptr;
  const PanelLayout* layout = FindPanelLayout(dtype);
  if (!layout) return PackFloats(dtype, rows, k, interleave, out);
  const bool indices = layout->bits == 0;
  indices ? PackIndexFields(*layout, rows, k, out) : PackFields(*layout, rows, k, out);
  if (interleave) return interleave(rows.row, k, out + layout->CodesAt(k, 0));
  indices ? PackIndices(*layout, rows, k, out) : PackCodes(*layout, rows, k, out);
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
