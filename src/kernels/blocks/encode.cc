#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/blocks.h"
#include "kernels/blocks/encoders.h"

namespace sluice::kernels {
namespace {

constexpr float kLargest = 1e15f;  // keeps squares and their sums finite

template <typename Block>
void EncodeByRule(const float* in, int64_t n, int elements, std::byte* out) {
  auto* block = reinterpret_cast<Block*>(out);
  for (int64_t i = 0; i < n / elements; ++i) blocks::Encode(in + i * elements, nullptr, block[i]);
}

template <typename Block>
void EncodeBySearch(const float* in, int64_t n, int elements, std::byte* out, const float* importance) {
  auto* block = reinterpret_cast<Block*>(out);
  float x[blocks::kSuper], weights[blocks::kSuper];
  std::fill(weights, weights + elements, 1.0f);
  for (int64_t i = 0; i < n / elements; ++i) {
    const float* source = in + i * elements;
    for (int j = 0; j < elements; ++j)
      x[j] = std::isfinite(source[j]) ? std::clamp(source[j], -kLargest, kLargest) : 0.0f;
    if (importance) std::copy_n(importance + i * elements, elements, weights);
    blocks::Encode(x, weights, block[i]);
  }
}

template <typename Convert>
void EncodeNumbers(const float* in, int64_t n, std::byte* out, Convert convert) {
  for (int64_t i = 0; i < n; ++i) {
    const auto value = convert(in[i]);
    std::memcpy(out + i * static_cast<int64_t>(sizeof(value)), &value, sizeof(value));
  }
}

}  // namespace

bool CanEncode(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
    case DType::kQ4_0:
    case DType::kQ4_1:
    case DType::kQ5_0:
    case DType::kQ5_1:
    case DType::kQ8_0:
    case DType::kQ2_K:
    case DType::kQ3_K:
    case DType::kQ4_K:
    case DType::kQ5_K:
    case DType::kQ6_K:
    case DType::kIQ4_NL:
    case DType::kIQ4_XS:
    case DType::kMXFP4:
    case DType::kTQ1_0:
    case DType::kTQ2_0:
      return true;
    default:
      return false;
  }
}

void EncodeRow(DType dtype, const float* in, int64_t n, std::byte* out, const float* importance) {
  const int elements = Info(dtype).block_size;
  switch (dtype) {
    case DType::kF32:
      std::memcpy(out, in, static_cast<size_t>(n) * sizeof(float));
      return;
    case DType::kF16:
      return EncodeNumbers(in, n, out, FloatToF16);
    case DType::kBF16:
      return EncodeNumbers(in, n, out, FloatToBf16);
    case DType::kQ4_0:
      return EncodeByRule<blocks::Q4_0>(in, n, elements, out);
    case DType::kQ4_1:
      return EncodeByRule<blocks::Q4_1>(in, n, elements, out);
    case DType::kQ5_0:
      return EncodeByRule<blocks::Q5_0>(in, n, elements, out);
    case DType::kQ5_1:
      return EncodeByRule<blocks::Q5_1>(in, n, elements, out);
    case DType::kQ8_0:
      return EncodeByRule<blocks::Q8_0>(in, n, elements, out);
    case DType::kMXFP4:
      if (importance) return EncodeBySearch<blocks::MXFP4>(in, n, elements, out, importance);
      return EncodeByRule<blocks::MXFP4>(in, n, elements, out);
    case DType::kTQ1_0:
      return EncodeByRule<blocks::TQ1_0>(in, n, elements, out);
    case DType::kTQ2_0:
      return EncodeByRule<blocks::TQ2_0>(in, n, elements, out);
    case DType::kQ2_K:
      return EncodeBySearch<blocks::Q2_K>(in, n, elements, out, importance);
    case DType::kQ3_K:
      return EncodeBySearch<blocks::Q3_K>(in, n, elements, out, importance);
    case DType::kQ4_K:
      return EncodeBySearch<blocks::Q4_K>(in, n, elements, out, importance);
    case DType::kQ5_K:
      return EncodeBySearch<blocks::Q5_K>(in, n, elements, out, importance);
    case DType::kQ6_K:
      return EncodeBySearch<blocks::Q6_K>(in, n, elements, out, importance);
    case DType::kIQ4_NL:
      return EncodeBySearch<blocks::IQ4_NL>(in, n, elements, out, importance);
    case DType::kIQ4_XS:
      return EncodeBySearch<blocks::IQ4_XS>(in, n, elements, out, importance);
    default:
      return;
  }
}

}  // namespace sluice::kernels
