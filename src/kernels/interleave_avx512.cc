#include "kernels/rows_avx512.h"
// The rows come first: everything below is written in them.
#include "kernels/interleave_codebook_kernels.h"

namespace sluice::kernels {

InterleaveFn InterleaveAvx512(DType dtype) {
  const InterleaveFn codebook = FindCodebook(dtype);
  return codebook ? codebook : Find(dtype);
}

}  // namespace sluice::kernels
