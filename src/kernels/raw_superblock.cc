#include "kernels/raw_superblock.h"

#include <cstring>

#include "kernels/integer_block.h"

namespace sluice::kernels {

void UnpackRawSuperblock(DType dtype, const std::byte* blocks, RawSuperblock* out) noexcept {
  const int bytes = Info(dtype).block_bytes;
  IntegerBlock block;
  for (int row = 0; row < kPanelRows; ++row) {
    ReadRawBlock(dtype, blocks + row * bytes, &block);
    for (int quad = 0; quad < 64; ++quad) {
      uint32_t codes;
      std::memcpy(&codes, block.code + 4 * quad, 4);
      codes ^= 0x80808080u;
      std::memcpy(out->code[quad][row], &codes, 4);
    }
    for (int g = 0; g < 16; ++g) out->scale[g / 4][row][g % 4] = static_cast<uint8_t>(block.scale[g]);
    out->d[row] = block.d;
  }
}

}  // namespace sluice::kernels
