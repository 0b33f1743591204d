#include "kernels/interleave.h"

namespace sluice::kernels {

InterleaveFn FindInterleave([[maybe_unused]] Isa isa, [[maybe_unused]] DType dtype) {
#if defined(SLUICE_KERNELS_X86)
  if (!Supported(isa)) return nullptr;
  if (isa == Isa::kAvx2) return InterleaveAvx2(dtype);
  if (isa >= Isa::kAvx512) return InterleaveAvx512(dtype);
#endif
  return nullptr;
}

}  // namespace sluice::kernels
