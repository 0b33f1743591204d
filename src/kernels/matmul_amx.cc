#include "kernels/lanes_avx512.h"
#include "kernels/tiles_amx.h"
// Lanes and tiles come first: everything below is written in them.
#include "kernels/matmul_tile_kernels.h"
#include "kernels/tiers.h"

namespace sluice::kernels {

void FillMatmulAmx(Table& table) {
  for (size_t type = 0; type < sizeof(table.matmul) / sizeof(table.matmul[0]); ++type)
    if (const MatmulFn matmul = FindMatmulByTiles(static_cast<DType>(type))) table.matmul[type] = matmul;
  table.prefers_even_rows = true;
}

}  // namespace sluice::kernels
