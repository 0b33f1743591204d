// Instruction-set tiers. Every tier computes the same bits; they differ in speed only.
#pragma once

#include <string_view>

#include "base/result.h"

namespace sluice::kernels {

enum class Isa { kScalar, kAvx2, kAvx512 };  // avx512: F, BW, DQ, VL, VNNI

std::string_view Name(Isa isa);
Result<Isa> ParseIsa(std::string_view name);  // refuses unknown names, listing the known ones
bool Supported(Isa isa);                      // by this CPU and operating system
// The best supported tier, or the one that the environment variable SLUICE_ISA names. Naming a tier that this
// machine lacks is an error, not a fallback.
Result<Isa> SelectIsa();

}  // namespace sluice::kernels
