// Operands of products for the tests: random or extreme panels and activation rows.
#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/guarded_buffer.h"
#include "kernels/table.h"

namespace sluice::kernels::checkasm {

using Bytes = GuardedBuffer<std::byte>;

std::vector<DType> PanelTypes();

enum class Fill {
  kRandom,      // codes at random, scales of ordinary size and either sign
  kLowCodes,    // all code bits 0
  kHighCodes,   // all code bits 1
  kZeroScales,  // float scales 0
  kTinyScales,  // subnormal float scales
  kHostile,     // random bytes: infinities and NaN among the scales
};
inline constexpr Fill kFills[] = {Fill::kRandom,     Fill::kLowCodes,   Fill::kHighCodes,
                                  Fill::kZeroScales, Fill::kTinyScales, Fill::kHostile};
std::string Name(Fill fill);

// A panel of 16 rows of length k.
std::unique_ptr<Bytes> MakePanel(DType dtype, int64_t k, Fill fill, std::mt19937& random);

enum class Values {
  kNormal,    // about a normal distribution
  kExtremes,  // every code 127 or -127 after quantisation
  kSpecial,   // zero blocks, tiny and huge values, infinities and NaN
};
std::vector<float> MakeValues(int64_t k, Values values, std::mt19937& random);

// An activation row by the scalar quantisers.
std::unique_ptr<Bytes> MakeActivations(ActType type, const std::vector<float>& x);

}  // namespace sluice::kernels::checkasm
