// Blocks of the codebook types and TQ1_0 with their bits rearranged: what panels keep of them, row by row.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/integer_block.h"
#include "kernels/panel_layout.h"

namespace sluice::kernels {

struct CodebookBlock {
  uint8_t index[64];  // into the grid; TQ1_0: bytes of five digits
  uint8_t high[64];   // the index's bits from bit 8 on; of IQ1_M also, in bit 3, which way a group is shifted
  uint8_t signs[32];  // of eight elements each
  uint8_t fields[24];
};

// A block as it stands in a file: all but the fields, and the fields. These are, in order:
//   IQ2, IQ3, IQ1_S  nibbles of scales: byte 4 w + j holds those of groups 8 w + j and, above, 8 w + 4 + j;
//                    of IQ1_S three bits, and which way the group is shifted. Then the half scale.
//   IQ1_M            two low bits of the scale of group 4 w + j at bit 2 w of byte j; the third at bit 4 j +
//   w
//                    of the 16 bits behind; the half scale
//   TQ1_0            the twenty bytes behind `index`; the half scale
// Groups are of 32 elements where a type has eight of them.
void ReadCodebookBlock(DType dtype, const std::byte* block, CodebookBlock* out);
void ReadCodebookFields(DType dtype, const std::byte* block, uint8_t* fields);

// All but the fields, to and from the vectors of a superblock.
void StoreCodebookBlock(const IndexLayout& layout, const CodebookBlock& block, int row, std::byte* vectors);
void LoadCodebookBlock(const IndexLayout& layout, const std::byte* vectors, int row, CodebookBlock* out);

void DecodeCodebookBlock(DType dtype, const CodebookBlock& block, IntegerBlock* out);

}  // namespace sluice::kernels
