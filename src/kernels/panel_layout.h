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
// Codebook types, and TQ1_0: the second array has the vectors of one superblock after those of the other. Its
// indices are stored as 32 codes of 8 bits, or twice 32; then the bits of the indices above those, as codes
// of so many bits; then signs, as masks for sixteen rows times four k (codebook_block.cc says in which form,
// and codebook_block.h what the fields are).
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

// What a superblock has instead of codes.
struct IndexLayout {
  int chunks = 0;  // of 32 indices
  int high_bits = 0;
  int sign_bits = 0;  // of eight signs: 7 where their number is even, or 8

  constexpr int signs_at() const { return chunks * (8 + high_bits) * 64; }
  constexpr int bytes() const { return signs_at() + sign_bits * 64; }
};

struct PanelLayout {
  static constexpr int kFields = 6;
  PanelFormat format;
  int bits;                   // of a code; 0: indices
  PanelField field[kFields];  // as stored, widest first; unused ones have size 0
  IndexLayout index = {};     // whose fields lie in CodebookBlock::fields, one after the other

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
  // Where the vectors of superblock `block` of indices start.
  int64_t VectorsAt(int64_t k, int64_t block) const { return CodesAt(k, 0) + block * index.bytes(); }
  int64_t bytes(int64_t k) const { return bits > 0 ? CodesAt(k, k / 32) : VectorsAt(k, k / 256); }
};

// nullptr: not a quantised type with a panel form.
const PanelLayout* FindPanelLayout(DType dtype);

// The unsigned codes of row `row` in the vectors of 32 consecutive k.
void LoadCodes(const std::byte* vectors, int bits, int row, uint8_t* codes);
void StoreCodes(std::byte* vectors, int bits, int row, const uint8_t* codes);  // bits: 1 to 6, 8

// FP8 panels: [k][16] codes, then [ceil(k / 128)][16] float scales. The other float types: [k][16].
inline constexpr int kF8Block = 128;
// What an FP8 number is of the half with its bits in the same order: products take the halves.
inline constexpr float kF8Unit = 256;
inline int64_t F8ScalesAt(int64_t k) { return ActLayout::Align(k * kPanelRows); }

}  // namespace sluice::kernels
