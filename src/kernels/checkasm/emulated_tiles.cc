#include "kernels/checkasm/emulated_tiles.h"

#include "kernels/checkasm/tiles_emulated.h"
#include "kernels/lanes_avx512.h"
// Lanes and tiles come first: everything below is written in them.
#include "kernels/matmul_tile_kernels.h"

namespace sluice::kernels::checkasm {

MatmulFn FindEmulatedTileProduct(DType dtype) { return FindMatmulByTiles(dtype); }

}  // namespace sluice::kernels::checkasm
