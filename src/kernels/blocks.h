// Block types as the files hold them: decoding to float (exact), encoding from float.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"

namespace sluice::kernels {

// Decodes n elements (whole blocks) of any numeric or block type. Products of scale and code are exact in
// float.
void DecodeRow(DType dtype, const std::byte* in, int64_t n, float* out);

bool CanEncode(DType dtype);
// Encodes n elements (whole blocks). `importance`: n weights of the squared error, or null for the type's own
// rule.
void EncodeRow(DType dtype, const float* in, int64_t n, std::byte* out, const float* importance = nullptr);

}  // namespace sluice::kernels
