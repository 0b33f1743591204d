#include <cstring>

#include "kernels/blocks.h"
#include "kernels/blocks/decoders.h"

namespace sluice::kernels {
namespace {

template <typename Block>
void DecodeBlocks(const std::byte* in, int64_t n, int elements, float* out) {
  const auto* block = reinterpret_cast<const Block*>(in);
  for (int64_t i = 0; i < n / elements; ++i) blocks::Decode(block[i], out + i * elements);
}

template <typename T, typename Convert>
void DecodeNumbers(const std::byte* in, int64_t n, float* out, Convert convert) {
  for (int64_t i = 0; i < n; ++i) {
    T value;
    std::memcpy(&value, in + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
    out[i] = convert(value);
  }
}

template <typename T>
void DecodeArithmetic(const std::byte* in, int64_t n, float* out) {
  DecodeNumbers<T>(in, n, out, [](T v) { return static_cast<float>(v); });
}

void DecodePlain(DType dtype, const std::byte* in, int64_t n, float* out) {
  switch (dtype) {
    case DType::kF64:
      return DecodeArithmetic<double>(in, n, out);
    case DType::kF32:
      return DecodeArithmetic<float>(in, n, out);
    case DType::kF16:
      return DecodeNumbers<uint16_t>(in, n, out, F16ToFloat);
    case DType::kBF16:
      return DecodeNumbers<uint16_t>(in, n, out, Bf16ToFloat);
    case DType::kF8E4M3:
      return DecodeNumbers<uint8_t>(in, n, out, F8E4M3ToFloat);
    case DType::kF8E5M2:  // the upper byte of a half
      return DecodeNumbers<uint8_t>(in, n, out,
                                    [](uint8_t v) { return F16ToFloat(static_cast<uint16_t>(v << 8)); });
    case DType::kE8M0:
      return DecodeNumbers<uint8_t>(in, n, out, E8M0ToFloat);
    case DType::kI64:
      return DecodeArithmetic<int64_t>(in, n, out);
    case DType::kI32:
      return DecodeArithmetic<int32_t>(in, n, out);
    case DType::kI16:
      return DecodeArithmetic<int16_t>(in, n, out);
    case DType::kI8:
      return DecodeArithmetic<int8_t>(in, n, out);
    case DType::kU64:
      return DecodeArithmetic<uint64_t>(in, n, out);
    case DType::kU32:
      return DecodeArithmetic<uint32_t>(in, n, out);
    case DType::kU16:
      return DecodeArithmetic<uint16_t>(in, n, out);
    case DType::kU8:
      return DecodeArithmetic<uint8_t>(in, n, out);
    case DType::kBool:
      return DecodeNumbers<uint8_t>(in, n, out, [](uint8_t v) { return v ? 1.0f : 0.0f; });
    default:
      return;
  }
}

}  // namespace

// clang-format off
#define SLUICE_BLOCK_TYPES(X)                                                                              \
  X(Q4_0)                                                                                                  \
  X(Q4_1)                                                                                                  \
  X(Q5_0)                                                                                                  \
  X(Q5_1)                                                                                                  \
  X(Q8_0) X(Q8_1) X(Q2_K) X(Q3_K) X(Q4_K) X(Q5_K) X(Q6_K) X(Q8_K) X(IQ2_XXS) X(IQ2_XS) X(IQ2_S) X(IQ3_XXS) \
      X(IQ3_S) X(IQ1_S) X(IQ1_M) X(IQ4_NL) X(IQ4_XS) X(TQ1_0) X(TQ2_0) X(MXFP4) X(NVFP4) X(Q1_0) X(Q2_0)
// clang-format on

void DecodeRow(DType dtype, const std::byte* in, int64_t n, float* out) {
  const int elements = Info(dtype).block_size;
  switch (dtype) {
#define SLUICE_DECODE_CASE(T) \
  case DType::k##T:           \
    return DecodeBlocks<blocks::T>(in, n, elements, out);
    SLUICE_BLOCK_TYPES(SLUICE_DECODE_CASE)
#undef SLUICE_DECODE_CASE
    default:
      return DecodePlain(dtype, in, n, out);
  }
}

}  // namespace sluice::kernels
