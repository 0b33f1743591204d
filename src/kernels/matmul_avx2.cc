#include "kernels/lanes_avx2.h"
// The lanes come first: everything below is written in them.
#include "kernels/matmul_codebook_kernels.h"
#include "kernels/matmul_float_kernels.h"
#include "kernels/tiers.h"

namespace sluice::kernels {

void FillMatmulAvx2(Table& table) {
  FillMatmul32Avx2(table);
  FillMatmul256Avx2(table);
  FillFloat(table);
  FillIndexed(table);
  FillActivationRowAvx2(table);
}

}  // namespace sluice::kernels
