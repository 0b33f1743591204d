#include "kernels/tiers.h"
#include "kernels/vec_scalar.h"
// After the vectors, which they are written in.
#include "kernels/attention_kernels.h"
#include "kernels/attention_latent_kernels.h"
#include "kernels/elementwise_kernels.h"

namespace sluice::kernels {

void FillElementwiseScalar(Table& table) {
  FillElementwise(table);
  FillAttention(table);
}

}  // namespace sluice::kernels
