// Instruction-set tiers. Every tier computes the same bits; they differ in speed only.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::kernels {

// avx512: F, BW, DQ, VL, VNNI. amx: the same, and AMX-INT8 for products of many tokens.
enum class Isa { kScalar, kAvx2, kAvx512, kAmx };
inline constexpr Isa kAllIsas[] = {Isa::kScalar, Isa::kAvx2, Isa::kAvx512, Isa::kAmx};  // each with the last

std::string_view Name(Isa isa);
Result<Isa> ParseIsa(std::string_view name);  // refuses unknown names, listing the known ones
std::string Obstacle(Isa isa);                // why this machine cannot run it, for people; empty: it can
bool Supported(Isa isa);                      // by this CPU and operating system
// The best supported tier, or the one that the environment variable SLUICE_ISA names. Naming a tier that this
// machine lacks is an error, not a fallback.
Result<Isa> SelectIsa();
// Why SelectIsa gives `selected` and nothing better, for people; empty if there is nothing better.
std::string WhyNotBetter(Isa selected);

}  // namespace sluice::kernels
