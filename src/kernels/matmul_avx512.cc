#include "kernels/lanes_avx512.h"
// The lanes come first: everything below is written in them.
#include "kernels/matmul_codebook_kernels.h"
#include "kernels/matmul_float_kernels.h"
#include "kernels/tiers.h"

namespace sluice::kernels {

void FillMatmulAvx512(Table& table) {
  FillMatmul32Avx512(table);
  FillMatmul256Avx512(table);
  FillFloat(table);
  FillIndexed(table);
}

}  // namespace sluice::kernels
