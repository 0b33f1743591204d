// The vectorised halves of PackPanel: sixteen whole rows, interleaved. PackPanel alone says what a panel is;
// these give the same bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/isa.h"
#include "kernels/panel.h"

namespace sluice::kernels {

// Rows of floats are interleaved in steps of so many; the rest of a row is left to the caller.
inline constexpr int64_t kInterleaveStep = 16;

// Writes the codes or indices of quantised types (`out`: where PanelLayout::CodesAt(k, 0) is), or the first k
// / 16 * 16 of floats ([k][16]). `row`: kPanelRows rows as they stand in a file, none null.
using InterleaveFn = void (*)(const std::byte* const* row, int64_t k, std::byte* out);

// nullptr: the scalar tier has none.
InterleaveFn FindInterleave(Isa isa, DType dtype);

// PackPanel by one tier.
void PackPanelWith(Isa isa, DType dtype, const PanelRows& rows, int64_t k, std::byte* out);

InterleaveFn InterleaveAvx2(DType dtype);
InterleaveFn InterleaveAvx512(DType dtype);

}  // namespace sluice::kernels
