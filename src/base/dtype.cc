#include "base/dtype.h"

#include <array>
#include <cctype>

namespace sluice {
namespace {

constexpr std::array kTypes = {
    DTypeInfo{DType::kF64, "F64", 1, 8, 28, "F64"},
    DTypeInfo{DType::kF32, "F32", 1, 4, 0, "F32"},
    DTypeInfo{DType::kF16, "F16", 1, 2, 1, "F16"},
    DTypeInfo{DType::kBF16, "BF16", 1, 2, 30, "BF16"},
    DTypeInfo{DType::kF8E4M3, "F8_E4M3", 1, 1, -1, "F8_E4M3"},
    DTypeInfo{DType::kF8E5M2, "F8_E5M2", 1, 1, -1, "F8_E5M2"},
    DTypeInfo{DType::kE8M0, "F8_E8M0", 1, 1, -1, "F8_E8M0"},
    DTypeInfo{DType::kI64, "I64", 1, 8, 27, "I64"},
    DTypeInfo{DType::kI32, "I32", 1, 4, 26, "I32"},
    DTypeInfo{DType::kI16, "I16", 1, 2, 25, "I16"},
    DTypeInfo{DType::kI8, "I8", 1, 1, 24, "I8"},
    DTypeInfo{DType::kU64, "U64", 1, 8, -1, "U64"},
    DTypeInfo{DType::kU32, "U32", 1, 4, -1, "U32"},
    DTypeInfo{DType::kU16, "U16", 1, 2, -1, "U16"},
    DTypeInfo{DType::kU8, "U8", 1, 1, -1, "U8"},
    DTypeInfo{DType::kBool, "BOOL", 1, 1, -1, "BOOL"},
    DTypeInfo{DType::kQ4_0, "Q4_0", 32, 18, 2, ""},
    DTypeInfo{DType::kQ4_1, "Q4_1", 32, 20, 3, ""},
    DTypeInfo{DType::kQ5_0, "Q5_0", 32, 22, 6, ""},
    DTypeInfo{DType::kQ5_1, "Q5_1", 32, 24, 7, ""},
    DTypeInfo{DType::kQ8_0, "Q8_0", 32, 34, 8, ""},
    DTypeInfo{DType::kQ8_1, "Q8_1", 32, 36, 9, ""},
    DTypeInfo{DType::kQ2_K, "Q2_K", 256, 84, 10, ""},
    DTypeInfo{DType::kQ3_K, "Q3_K", 256, 110, 11, ""},
    DTypeInfo{DType::kQ4_K, "Q4_K", 256, 144, 12, ""},
    DTypeInfo{DType::kQ5_K, "Q5_K", 256, 176, 13, ""},
    DTypeInfo{DType::kQ6_K, "Q6_K", 256, 210, 14, ""},
    DTypeInfo{DType::kQ8_K, "Q8_K", 256, 292, 15, ""},
    DTypeInfo{DType::kIQ2_XXS, "IQ2_XXS", 256, 66, 16, ""},
    DTypeInfo{DType::kIQ2_XS, "IQ2_XS", 256, 74, 17, ""},
    DTypeInfo{DType::kIQ2_S, "IQ2_S", 256, 82, 22, ""},
    DTypeInfo{DType::kIQ3_XXS, "IQ3_XXS", 256, 98, 18, ""},
    DTypeInfo{DType::kIQ3_S, "IQ3_S", 256, 110, 21, ""},
    DTypeInfo{DType::kIQ1_S, "IQ1_S", 256, 50, 19, ""},
    DTypeInfo{DType::kIQ1_M, "IQ1_M", 256, 56, 29, ""},
    DTypeInfo{DType::kIQ4_NL, "IQ4_NL", 32, 18, 20, ""},
    DTypeInfo{DType::kIQ4_XS, "IQ4_XS", 256, 136, 23, ""},
    DTypeInfo{DType::kTQ1_0, "TQ1_0", 256, 54, 34, ""},
    DTypeInfo{DType::kTQ2_0, "TQ2_0", 256, 66, 35, ""},
    DTypeInfo{DType::kMXFP4, "MXFP4", 32, 17, 39, ""},
    DTypeInfo{DType::kNVFP4, "NVFP4", 64, 36, 40, ""},
    DTypeInfo{DType::kQ1_0, "Q1_0", 128, 18, 41, ""},
    DTypeInfo{DType::kQ2_0, "Q2_0", 64, 18, 42, ""},
};

constexpr bool InEnumOrder() {
  for (size_t i = 0; i < kTypes.size(); ++i)
    if (kTypes[i].type != static_cast<DType>(i)) return false;
  return true;
}
static_assert(InEnumOrder());

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (std::toupper(static_cast<unsigned char>(a[i])) != std::toupper(static_cast<unsigned char>(b[i])))
      return false;
  return true;
}

template <typename Predicate>
std::optional<DType> FindType(Predicate matches) {
  for (const DTypeInfo& info : kTypes)
    if (matches(info)) return info.type;
  return std::nullopt;
}

}  // namespace

const DTypeInfo& Info(DType type) { return kTypes[static_cast<size_t>(type)]; }

std::optional<DType> DTypeFromGgmlId(uint32_t id) {
  return FindType(
      [&](const DTypeInfo& t) { return t.ggml_id >= 0 && static_cast<uint32_t>(t.ggml_id) == id; });
}

std::optional<DType> DTypeFromSafetensors(std::string_view name) {
  return FindType([&](const DTypeInfo& t) { return !name.empty() && t.safetensors_name == name; });
}

std::optional<DType> DTypeFromName(std::string_view name) {
  return FindType([&](const DTypeInfo& t) { return EqualIgnoringCase(t.name, name); });
}

std::optional<int64_t> RowBytes(DType type, int64_t n) {
  const DTypeInfo& info = Info(type);
  if (n < 0 || n % info.block_size != 0) return std::nullopt;
  int64_t bytes = 0;
  if (__builtin_mul_overflow(n / info.block_size, int64_t{info.block_bytes}, &bytes)) return std::nullopt;
  return bytes;
}

}  // namespace sluice
