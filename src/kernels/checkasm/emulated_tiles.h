// The products of the amx tier, with its tile instructions emulated in plain C++.
#pragma once

#include "kernels/table.h"

namespace sluice::kernels::checkasm {

// nullptr: the type has no product on tiles. Needs the avx512 tier.
MatmulFn FindEmulatedTileProduct(DType dtype);

}  // namespace sluice::kernels::checkasm
