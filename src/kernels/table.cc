#include "kernels/table.h"

#include "kernels/tiers.h"

namespace sluice::kernels {
namespace {

// A tier's Fill function is itself compiled for that tier, so an unsupported one must not even be called.
Table Build(Isa isa) {
  Table table{.isa = isa};
  FillMatmulScalar(table);
  FillElementwiseScalar(table);
#if defined(SLUICE_KERNELS_X86)
  if (isa >= Isa::kAvx2 && Supported(Isa::kAvx2)) {
    FillMatmulAvx2(table);
    FillElementwiseAvx2(table);
  }
  if (isa >= Isa::kAvx512 && Supported(Isa::kAvx512)) {
    FillMatmulAvx512(table);
    FillElementwiseAvx512(table);
  }
  if (isa >= Isa::kAmx && Supported(Isa::kAmx)) FillMatmulAmx(table);
#endif
  return table;
}

}  // namespace

const Table& TableFor(Isa isa) {
  static const Table tables[] = {Build(Isa::kScalar), Build(Isa::kAvx2), Build(Isa::kAvx512),
                                 Build(Isa::kAmx)};
  return tables[static_cast<int>(isa)];
}

}  // namespace sluice::kernels
