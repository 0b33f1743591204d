// How keys and values are kept, and how a page of them is laid out.
#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

namespace sluice::kernels {

// Keys and values live in pages of kPageTokens positions, one page per KV head.
inline constexpr int kPageTokens = 32;

// kQ8: 8-bit codes, and a float scale for each kQ8Block elements of a position: x ~ scale * code. A page of
// kQ8 holds its codes, in the order in which other types hold elements, and then its scales: [blocks][32].
enum class KvType : uint8_t { kF32, kF16, kBf16, kQ8 };
inline constexpr KvType kAllKvTypes[] = {KvType::kF32, KvType::kF16, KvType::kBf16, KvType::kQ8};
inline constexpr int kKvTypes = static_cast<int>(std::size(kAllKvTypes));
inline constexpr int64_t kQ8Block = 32;

constexpr std::string_view Name(KvType type) {
  constexpr std::string_view kNames[] = {"f32", "f16", "bf16", "q8"};
  return kNames[static_cast<int>(type)];
}
constexpr std::optional<KvType> FindKvType(std::string_view name) {
  for (const KvType type : kAllKvTypes)
    if (Name(type) == name) return type;
  return std::nullopt;
}

// Of an element; of kQ8 of its code.
constexpr int64_t ElementBytes(KvType type) {
  constexpr int64_t kBytes[] = {4, 2, 2, 1};
  return kBytes[static_cast<int>(type)];
}
// Of `dim` elements of one position.
constexpr int64_t PositionBytes(KvType type, int64_t dim) {
  const int64_t scales = type == KvType::kQ8 ? (dim + kQ8Block - 1) / kQ8Block : 0;
  return dim * ElementBytes(type) + scales * static_cast<int64_t>(sizeof(float));
}
constexpr int64_t PageBytes(KvType type, int64_t dim) { return kPageTokens * PositionBytes(type, dim); }

}  // namespace sluice::kernels
