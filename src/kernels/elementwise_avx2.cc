#include "kernels/vec_avx2.h"
// The vectors come first: everything below is written in them.
#include "kernels/attention_index_kernels.h"
#include "kernels/attention_kernels.h"
#include "kernels/attention_latent_kernels.h"
#include "kernels/delta_kernels.h"
#include "kernels/elementwise_kernels.h"
#include "kernels/tiers.h"

namespace sluice::kernels {

void FillElementwiseAvx2(Table& table) {
  FillElementwise(table);
  FillAttention(table);
  FillDelta(table);
}

}  // namespace sluice::kernels
