// One block to floats, for every block type.
#pragma once

#include "kernels/blocks/layouts.h"

namespace sluice::kernels::blocks {

void Decode(const Q4_0& b, float* out);
void Decode(const Q4_1& b, float* out);
void Decode(const Q5_0& b, float* out);
void Decode(const Q5_1& b, float* out);
void Decode(const Q8_0& b, float* out);
void Decode(const Q8_1& b, float* out);

void Decode(const Q2_K& b, float* out);
void Decode(const Q3_K& b, float* out);
void Decode(const Q4_K& b, float* out);
void Decode(const Q5_K& b, float* out);
void Decode(const Q6_K& b, float* out);
void Decode(const Q8_K& b, float* out);

void Decode(const IQ4_NL& b, float* out);
void Decode(const IQ4_XS& b, float* out);
void Decode(const IQ2_XXS& b, float* out);
void Decode(const IQ2_XS& b, float* out);
void Decode(const IQ2_S& b, float* out);
void Decode(const IQ3_XXS& b, float* out);
void Decode(const IQ3_S& b, float* out);
void Decode(const IQ1_S& b, float* out);
void Decode(const IQ1_M& b, float* out);

void Decode(const MXFP4& b, float* out);
void Decode(const NVFP4& b, float* out);
void Decode(const TQ1_0& b, float* out);
void Decode(const TQ2_0& b, float* out);
void Decode(const Q1_0& b, float* out);
void Decode(const Q2_0& b, float* out);

}  // namespace sluice::kernels::blocks
