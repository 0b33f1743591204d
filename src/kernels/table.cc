#include "kernels/table.h"

#include "kernels/tiers.h"

namespace sluice::kernels {
namespace {

// With one token these types' lines take AVX-512 so little time that reads come in bursts; vectors of half
// the width read a panel evenly, and faster.
constexpr DType kReadByAvx2[] = {DType::kF16,  DType::kBF16, DType::kQ4_0, DType::kQ4_1, DType::kQ5_0,
                                 DType::kQ5_1, DType::kQ8_0, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K};

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
    for (const DType type : kReadByAvx2)
      table.one_token[static_cast<size_t>(type)] = table.matmul[static_cast<size_t>(type)];
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
