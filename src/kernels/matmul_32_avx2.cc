#include "kernels/lanes_avx2.h"
// The lanes come first: everything below is written in them.
#include "kernels/matmul_many_kernels.h"
#include "kernels/tiers.h"

namespace sluice::kernels {

void FillMatmul32Avx2(Table& table) {
  table.matmul[static_cast<size_t>(DType::kQ8_0)] = MatmulMany32<Q8_0>;
  table.matmul[static_cast<size_t>(DType::kQ4_0)] = MatmulMany32<Q4_0>;
  table.matmul[static_cast<size_t>(DType::kQ4_1)] = MatmulMany32<Q4_1>;
  table.matmul[static_cast<size_t>(DType::kQ5_0)] = MatmulMany32<Q5_0>;
  table.matmul[static_cast<size_t>(DType::kQ5_1)] = MatmulMany32<Q5_1>;
  table.matmul[static_cast<size_t>(DType::kIQ4_NL)] = MatmulMany32<IQ4_NL>;
  table.matmul[static_cast<size_t>(DType::kMXFP4)] = MatmulMany32<MXFP4>;
}

}  // namespace sluice::kernels
