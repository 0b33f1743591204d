#include "kernels/table.h"

namespace sluice::kernels {

int64_t AttendLatentScratch(int heads, int k_dim, int v_dim) {
  static_cast<void>(v_dim);  // sums run in `out`
  const int64_t lanes = (int64_t{heads} + 15) / 16 * 16;
  // Queries and weights by sixteen heads; highest logit, sum and factor of each; one page of floats.
  return lanes * (k_dim + kPageTokens + 3) + int64_t{kPageTokens} * k_dim;
}

}  // namespace sluice::kernels
