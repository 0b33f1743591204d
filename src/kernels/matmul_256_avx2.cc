#include "kernels/lanes_avx2.h"
// The lanes come first: everything below is written in them.
#include "kernels/matmul_many_kernels.h"
#include "kernels/tiers.h"

namespace sluice::kernels {

void FillMatmul256Avx2(Table& table) {
  table.matmul[static_cast<size_t>(DType::kQ2_K)] = MatmulMany256<Q2_K>;
  table.matmul[static_cast<size_t>(DType::kQ3_K)] = MatmulMany256<Q3_K>;
  table.matmul[static_cast<size_t>(DType::kQ4_K)] = MatmulMany256<Q45_K<4>>;
  table.matmul[static_cast<size_t>(DType::kQ5_K)] = MatmulMany256<Q45_K<5>>;
  table.matmul[static_cast<size_t>(DType::kQ6_K)] = MatmulMany256<Q6_K>;
  table.matmul[static_cast<size_t>(DType::kTQ2_0)] = MatmulMany256<TQ2_0>;
  table.matmul[static_cast<size_t>(DType::kIQ4_XS)] = MatmulMany256<IQ4_XS>;
}

}  // namespace sluice::kernels
