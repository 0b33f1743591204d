// How fast this machine multiplies from registers: the bound of long prompts.
#pragma once

#include "base/thread_team.h"
#include "kernels/isa.h"
#include "machine/rate.h"

namespace sluice::machine {

// Operations a second (a multiply-add counts two) of all workers of `team` together, in the instructions that
// the kernels of a tier use. Takes about a tenth of a second. The tier must be Supported.
//
// Products of 8-bit integers summed in 32 bits: vpdpbusd in zmm registers (avx512, and amx: its tiles may do
// more), vpmaddubsw and vpmaddwd in ymm registers (avx2), plain C++ (scalar).
Rate Int8Peak(ThreadTeam& team, kernels::Isa isa);
// Fused multiply-adds of F32.
Rate FloatPeak(ThreadTeam& team, kernels::Isa isa);

}  // namespace sluice::machine
