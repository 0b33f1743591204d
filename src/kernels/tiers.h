// How the tiers fill their tables. Each function sets the entries that its tier has; a better tier overrides.
// Files named *_avx2*.cc, *_avx512*.cc and *_amx*.cc are compiled with their tier's flags: they include only
// intrinsics and kernel headers, define everything but these functions in an anonymous namespace, and leave
// no weak symbol.
#pragma once

#include "kernels/table.h"

namespace sluice::kernels {

void FillMatmulScalar(Table& table);  // products with panels, and the quantisers of activation rows
void FillMatmulAvx2(Table& table);
void FillMatmulAvx512(Table& table);
void FillMatmulAmx(Table& table);
// Called by these: types with a scale per 32, and with sub-scales per 256.
void FillMatmul32Avx2(Table& table);
void FillMatmul32Avx512(Table& table);
void FillMatmul256Avx2(Table& table);
void FillMatmul256Avx512(Table& table);
void FillActivationRowScalar(Table& table);  // called by FillMatmulScalar
void FillActivationRowAvx2(Table& table);    // called by FillMatmulAvx2

void FillElementwiseScalar(Table& table);  // every other entry: elementwise kernels and attention
void FillElementwiseAvx2(Table& table);
void FillElementwiseAvx512(Table& table);

}  // namespace sluice::kernels
