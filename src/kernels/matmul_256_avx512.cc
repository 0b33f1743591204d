#include "kernels/lanes_avx512.h"
// The lanes come first: everything below is written in them.
#include "kernels/matmul_kernels.h"
#include "kernels/tiers.h"

namespace sluice::kernels {

void FillMatmul256Avx512(Table& table) {
  table.matmul[static_cast<size_t>(DType::kQ2_K)] = Matmul<Product256<Q2_K>>;
  table.matmul[static_cast<size_t>(DType::kQ3_K)] = Matmul<Product256<Q3_K>>;
  table.matmul[static_cast<size_t>(DType::kQ4_K)] = Matmul<Product256<Q45_K<4>>>;
  table.matmul[static_cast<size_t>(DType::kQ5_K)] = Matmul<Product256<Q45_K<5>>>;
  table.matmul[static_cast<size_t>(DType::kQ6_K)] = Matmul<Product256<Q6_K>>;
  table.matmul[static_cast<size_t>(DType::kTQ2_0)] = Matmul<Product256<TQ2_0>>;
  table.matmul[static_cast<size_t>(DType::kIQ4_XS)] = Matmul<Product256<IQ4_XS>>;
}

}  // namespace sluice::kernels
