// Raw types are computed on through a copy of one superblock in the cache, in the form of a packed type with
// bytes for codes and a sub-scale per 16.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"
#include "kernels/panel.h"

namespace sluice::kernels {

struct RawSuperblock {
  alignas(64) uint8_t code[64][kPanelRows][4];  // of four consecutive k, plus 128
  alignas(64) uint8_t scale[4][kPanelRows][4];  // of four consecutive groups
  alignas(64) float d[kPanelRows];
};

// `blocks`: sixteen blocks of a raw type, one after the other.
void UnpackRawSuperblock(DType dtype, const std::byte* blocks, RawSuperblock* out) noexcept;

}  // namespace sluice::kernels
