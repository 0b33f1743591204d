// Where a panel of a quantised type keeps its bits.
//
// Packed types. A panel is two arrays, the second starting on a multiple of 64 bytes:
//   scales [k / block][fields][16]  all fields of each block but its codes, one element per row
//   codes  [k / 32][bits][64]       the codes, as bit planes
// Scales come first so that reading ahead of one panel's codes meets the scales of the next.
// Codes are stored unsigned: a weight's integer is code - offset, or level[code]. The `bits` vectors of 32 k
// hold planes of 8, 4, 2 or 1 bits, widest (and lowest bits) first: 6 bits are a 4-bit plane and a 2-bit
// plane. Byte 4 r + j of a vector belongs to row r and to k = 4 q + j. A plane of w bits holds 8 / w
// consecutive quads q per vector, the first in the lowest bits. So a vector, shifted and masked, is sixteen
// rows times four consecutive k.
//
// Raw types (codebooks, TQ1_0). A panel is [k / 256][16] blocks as they stand in the file.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"
#include "kernels/panel.h"

namespace sluice::kernels {

// A part of the file's block that is not codes: `size` bytes (1, 2 or 4) at `offset`.
struct PanelField {
  int offset;
  int size;
};

struct PanelLayout {
  static constexpr int kFields = 6;
  PanelFormat format;
  int bits;                   // of a code; 0: raw blocks
  PanelField field[kFields];  // as stored, widest first; unused ones have size 0

  constexpr DType dtype() const { return format.dtype; }
  constexpr int block() const { return format.k_multiple; }  // elements: 32 or 256
  constexpr int scale_bytes() const {                        // of one row's fields in one block
    int sum = 0;
    for (const PanelField& f : field) sum += f.size;
    return sum;
  }
  int block_bytes() const { return Info(dtype()).block_bytes; }
  // Where the fields of block `index` start: for each field in turn, 16 elements.
  int64_t FieldsAt(int64_t index) const { return index * kPanelRows * scale_bytes(); }
  // Where the codes of 32 k start that are the `group`th of the row.
  int64_t CodesAt(int64_t k, int64_t group) const {
    return ActLayout::Align(FieldsAt(k / block())) + group * 64 * bits;
  }
  int64_t bytes(int64_t k) const;
};

// nullptr: not a quantised type with a panel form.
const PanelLayout* FindPanelLayout(DType dtype);

// The unsigned codes of row `row` in the vectors of 32 consecutive k.
void LoadCodes(const std::byte* vectors, int bits, int row, uint8_t* codes);
void StoreCodes(std::byte* vectors, int bits, int row, const uint8_t* codes);

// FP8 panels: [k][16] codes, then [ceil(k / 128)][16] float scales. The other float types: [k][16].
inline constexpr int kF8Block = 128;
// What an FP8 number is of the half with its bits in the same order: products take the halves.
inline constexpr float kF8Unit = 256;
inline int64_t F8ScalesAt(int64_t k) { return ActLayout::Align(k * kPanelRows); }

}  // namespace sluice::kernels
