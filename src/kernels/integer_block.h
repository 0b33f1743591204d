// Every quantised block is, in integers, the same thing. This is the form in which the scalar tier computes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/panel_layout.h"

namespace sluice::kernels {

// 256 elements: w[i] = d * scale[i / 16] * code[i] - dmin * min[i / 16]
//  32 elements: w[i] = d * code[i] + m
struct IntegerBlock {
  int8_t code[256];
  int16_t scale[16];
  int16_t min[16];
  float d, dmin, m;
};

bool HasMinima(DType dtype);  // else dmin, min and m play no part

// Block `index` of row `row` of a panel.
void LoadBlock(const PanelLayout& layout, const std::byte* panel, int64_t k, int64_t index, int row,
               IntegerBlock* out);

// The unsigned codes of a packed type's block as it stands in a file: what StoreCodes takes.
void ReadPackedCodes(DType dtype, const std::byte* block, uint8_t* codes);

}  // namespace sluice::kernels
