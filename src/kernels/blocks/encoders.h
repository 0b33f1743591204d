// Floats to one block. `weights` are the weights of the squared error; null where the type has no search.
#pragma once

#include "kernels/blocks/layouts.h"

namespace sluice::kernels::blocks {

// One fixed rule each: the extreme value fixes the scale, codes are rounded.
void Encode(const float* x, const float* weights, Q4_0& b);
void Encode(const float* x, const float* weights, Q4_1& b);
void Encode(const float* x, const float* weights, Q5_0& b);
void Encode(const float* x, const float* weights, Q5_1& b);
void Encode(const float* x, const float* weights, Q8_0& b);
// With weights the better of three neighbouring scales.
void Encode(const float* x, const float* weights, MXFP4& b);
void Encode(const float* x, const float* weights, TQ1_0& b);
void Encode(const float* x, const float* weights, TQ2_0& b);

// A search for the scales with the least weighted squared error.
void Encode(const float* x, const float* weights, Q2_K& b);
void Encode(const float* x, const float* weights, Q3_K& b);
void Encode(const float* x, const float* weights, Q4_K& b);
void Encode(const float* x, const float* weights, Q5_K& b);
void Encode(const float* x, const float* weights, Q6_K& b);
void Encode(const float* x, const float* weights, IQ4_NL& b);
void Encode(const float* x, const float* weights, IQ4_XS& b);

}  // namespace sluice::kernels::blocks
