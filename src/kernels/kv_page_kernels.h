// Pages of keys and values, read as floats. Included by each tier's file after its vec_*.h; everything is
// local to it.
//
// Every type is read exactly or, of kQ8, as the product of code and scale, rounded once: attention over a
// page gives the bits that it gives over a page of F32 with the values read here.
#pragma once

#include <cstdint>

#include "kernels/kv_type.h"
#include "kernels/math.h"

namespace sluice::kernels {
namespace {

template <KvType kType>
struct KvElement;
template <>
struct KvElement<KvType::kF32> {
  using Type = float;
};
template <>
struct KvElement<KvType::kF16> {
  using Type = uint16_t;
};
template <>
struct KvElement<KvType::kBf16> {
  using Type = BFloat16;
};

// What 16 elements are read by: elements [block * kBlock, (block + 1) * kBlock) of a position share a scale.
template <KvType kType>
class KvPage {
 public:
  static constexpr int kBlock = 1 << 20, kElementBytes = static_cast<int>(ElementBytes(kType));
  struct Scale {};

  SLUICE_INLINE KvPage(const std::byte* page, int64_t) : at_(reinterpret_cast<const Element*>(page)) {}

  SLUICE_INLINE Scale ScaleOf(int64_t, int) const { return {}; }          // of one position
  SLUICE_INLINE Scale ScalesOfSixteen(int64_t, int) const { return {}; }  // of positions from this one on
  SLUICE_INLINE F32x16 Get(int64_t index, Scale) const { return Load(at_ + index); }
  SLUICE_INLINE F32x16 GetPart(int64_t index, int n, Scale) const { return LoadPart(at_ + index, n); }

 private:
  using Element = typename KvElement<kType>::Type;
  const Element* at_;
};

template <>
class KvPage<KvType::kQ8> {
 public:
  static constexpr int kBlock = kQ8Block, kElementBytes = 1;
  using Scale = F32x16;

  SLUICE_INLINE KvPage(const std::byte* page, int64_t dim)
      : codes_(reinterpret_cast<const int8_t*>(page)),
        scales_(reinterpret_cast<const float*>(page + kPageTokens * dim)) {}

  SLUICE_INLINE Scale ScaleOf(int64_t block, int position) const {
    return F32x16::All(scales_[block * kPageTokens + position]);
  }
  SLUICE_INLINE Scale ScalesOfSixteen(int64_t block, int position) const {
    return Load(scales_ + block * kPageTokens + position);
  }
  SLUICE_INLINE F32x16 Get(int64_t index, const Scale& scale) const { return Load(codes_ + index) * scale; }
  SLUICE_INLINE F32x16 GetPart(int64_t index, int n, const Scale& scale) const {
    return LoadPart(codes_ + index, n) * scale;
  }

 private:
  const int8_t* codes_;
  const float* scales_;
};

}  // namespace
}  // namespace sluice::kernels
