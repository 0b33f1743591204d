// Element types of tensors on disk: plain numbers, and the GGML block types.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice {

// clang-format off
enum class DType : uint8_t {
  kF64, kF32, kF16, kBF16, kF8E4M3, kF8E5M2, kE8M0,
  kI64, kI32, kI16, kI8, kU64, kU32, kU16, kU8, kBool,
  kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ8_0, kQ8_1,
  kQ2_K, kQ3_K, kQ4_K, kQ5_K, kQ6_K, kQ8_K,
  kIQ2_XXS, kIQ2_XS, kIQ2_S, kIQ3_XXS, kIQ3_S, kIQ1_S, kIQ1_M, kIQ4_NL, kIQ4_XS,
  kTQ1_0, kTQ2_0, kMXFP4, kNVFP4, kQ1_0, kQ2_0,
};
// clang-format on

struct DTypeInfo {
  DType type;
  std::string_view name;              // "Q4_K", "BF16"
  int block_size;                     // elements per block (1 for plain numbers)
  int block_bytes;                    // bytes per block
  int ggml_id;                        // the id in a GGUF file, -1 if GGUF has none
  std::string_view safetensors_name;  // "BF16", empty if safetensors has none
};

const DTypeInfo& Info(DType type);
inline std::string_view Name(DType type) { return Info(type).name; }

std::optional<DType> DTypeFromGgmlId(uint32_t id);
std::optional<DType> DTypeFromSafetensors(std::string_view name);
std::optional<DType> DTypeFromName(std::string_view name);  // case-insensitive

// Bytes of one row of `n` elements; nullopt unless whole blocks fill it.
std::optional<int64_t> RowBytes(DType type, int64_t n);

}  // namespace sluice
