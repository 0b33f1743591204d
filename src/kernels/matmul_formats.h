// The packed types as the vector tiers read them: where a type's codes are offset, how its scales unpack. All
// words of sub-scales hold four of them, in order. For tier files, after a lanes_*.h.
#pragma once

#include "kernels/panel.h"

namespace sluice::kernels {
namespace {

using I = Lanes::I;
using F = Lanes::F;

// Fields of a block for rows first, first + 1, ... `at`: bytes before the field in one row's fields.
SLUICE_INLINE I WordField(const std::byte* fields, int at, int first) {
  return Lanes::Load(fields + at * kPanelRows + first * 4);
}
SLUICE_INLINE F HalfField(const std::byte* fields, int at, int first) {
  return Lanes::LoadF16(fields + at * kPanelRows + first * 2);
}

// Quad kQuad (0..7) of rows first, ... in the planes of 32 k: unsigned codes of kBits.
template <int kBits, int kQuad>
SLUICE_INLINE I PlaneQuad(const std::byte* vectors) {
  if constexpr (kBits == 8) {
    return Lanes::Load(vectors + kQuad * 64);
  } else if constexpr (kBits == 4) {
    const I v = Lanes::Load(vectors + kQuad / 2 * 64);
    return (kQuad % 2 ? Lanes::Right(v, 4) : v) & Lanes::Bytes(15);
  } else if constexpr (kBits == 2) {
    const I v = Lanes::Load(vectors + kQuad / 4 * 64);
    return Lanes::Right(v, kQuad % 4 * 2) & Lanes::Bytes(3);
  } else if constexpr (kBits == 6) {  // four bits, then two
    constexpr int kShift = kQuad % 4 * 2;
    const I v = Lanes::Load(vectors + 256 + kQuad / 4 * 64);
    const I high = kShift < 4 ? Lanes::Left(v, 4 - kShift) : Lanes::Right(v, kShift - 4);
    return PlaneQuad<4, kQuad>(vectors) | (high & Lanes::Bytes(0x30));
  } else if constexpr (kBits == 5) {  // four bits, then one
    const I v = Lanes::Load(vectors + 256);
    const I high = kQuad < 4 ? Lanes::Left(v, 4 - kQuad) : Lanes::Right(v, kQuad - 4);
    return PlaneQuad<4, kQuad>(vectors) | (high & Lanes::Bytes(0x10));
  } else {  // two bits, then one
    static_assert(kBits == 3);
    const I v = Lanes::Load(vectors + 128);
    const I high = kQuad < 2 ? Lanes::Left(v, 2 - kQuad) : Lanes::Right(v, kQuad - 2);
    return PlaneQuad<2, kQuad>(vectors) | (high & Lanes::Bytes(4));
  }
}

// Where bytes come from: one for each row and each of four k.
template <int bits>
struct Plane {
  static constexpr int kBits = bits;
  template <int kQuad>
  static SLUICE_INLINE I Bytes(const std::byte* vectors) {
    return PlaneQuad<bits, kQuad>(vectors);
  }
};
template <const ByteTable& table>
struct Levels {
  static constexpr int kBits = 4;
  template <int kQuad>
  static SLUICE_INLINE I Bytes(const std::byte* vectors) {
    return Lanes::Lookup(PlaneQuad<4, kQuad>(vectors), table);
  }
};

// Codes that are multiplied as they are: the weight's integer is the byte minus kOffset.
template <typename Source, int offset, int largest>
struct UnsignedBytes : Source {
  static constexpr int kOffset = offset, kLargest = largest;
  static constexpr bool kSigned = false;
  static SLUICE_INLINE Lanes::Codes CodesOf(I bytes) { return Lanes::Unsigned(bytes); }
  template <int kQuad>
  static SLUICE_INLINE Lanes::Codes Quad(const std::byte* vectors) {
    return CodesOf(Source::template Bytes<kQuad>(vectors));
  }
};

// Signed codes, whose bytes are 128 more.
template <typename Source>
struct SignedBytes : Source {
  static constexpr int kOffset = Lanes::kSignedOffset, kLargest = 128;
  static constexpr bool kSigned = true;
  static SLUICE_INLINE Lanes::Codes CodesOf(I bytes) { return Lanes::Signed(bytes); }
  template <int kQuad>
  static SLUICE_INLINE Lanes::Codes Quad(const std::byte* vectors) {
    return CodesOf(Source::template Bytes<kQuad>(vectors));
  }
};

template <int bits, int offset>
using UnsignedCodes = UnsignedBytes<Plane<bits>, offset, (1 << bits) - 1>;
using SignedCodes = SignedBytes<Plane<8>>;

constexpr ByteTable kBytesIQ4 = LevelsPlus(blocks::kLevelsIQ4, 128);
using IQ4Codes = SignedBytes<Levels<kBytesIQ4>>;
constexpr int kOffsetFP4 = 12;
constexpr ByteTable kBytesFP4 = LevelsPlus(blocks::kLevelsE2M1, kOffsetFP4);
using FP4Codes = UnsignedBytes<Levels<kBytesFP4>, kOffsetFP4, 2 * kOffsetFP4>;

// --- A float scale per 32 ---

template <typename Codes, bool minima>
struct HalfScaled : Codes {
  static constexpr bool kMinima = minima;
  static constexpr int kFieldBytes = minima ? 4 : 2;  // of one row
  static SLUICE_INLINE F D(const std::byte* fields, int first) { return HalfField(fields, 0, first); }
  static SLUICE_INLINE F M(const std::byte* fields, int first) { return HalfField(fields, 2, first); }
};

using Q8_0 = HalfScaled<SignedCodes, false>;
using Q4_0 = HalfScaled<UnsignedCodes<4, 8>, false>;
using Q4_1 = HalfScaled<UnsignedCodes<4, 0>, true>;
using Q5_0 = HalfScaled<UnsignedCodes<5, 16>, false>;
using Q5_1 = HalfScaled<UnsignedCodes<5, 0>, true>;
using IQ4_NL = HalfScaled<IQ4Codes, false>;

struct MXFP4 : FP4Codes {
  static constexpr bool kMinima = false;
  static constexpr int kFieldBytes = 1;
  // 2^(e - 128); its two smallest values are subnormal.
  static SLUICE_INLINE F D(const std::byte* fields, int first) {
    const I e = Lanes::LoadU8(fields + first);
    const I subnormal = Lanes::LeftEach(Lanes::Words(0x00200000), e);
    return Lanes::AsFloat(Lanes::IfBelow(e, 2, subnormal, Lanes::Left(Lanes::Sub(e, Lanes::Words(1)), 23)));
  }
};

// --- Integer sub-scales: 256 / kGroup of them, four to a word ---

struct Scales {
  I scale[4], min[4];
};

struct Q2_K : UnsignedCodes<2, 0> {
  static constexpr int kGroup = 16, kFieldBytes = 20;
  static constexpr bool kMinima = true, kSignedScales = false;
  static SLUICE_INLINE void Unpack(const std::byte* fields, int first, Scales* out) {
    for (int w = 0; w < 4; ++w) {
      const I word = WordField(fields, 4 * w, first);
      out->scale[w] = word & Lanes::Bytes(15);
      out->min[w] = Lanes::Right(word, 4) & Lanes::Bytes(15);
    }
  }
  static SLUICE_INLINE F D(const std::byte* fields, int first) { return HalfField(fields, 16, first); }
  static SLUICE_INLINE F Dmin(const std::byte* fields, int first) { return HalfField(fields, 18, first); }
};

struct TQ2_0 : UnsignedCodes<2, 1> {
  static constexpr int kGroup = 32, kFieldBytes = 2;
  static constexpr bool kMinima = false, kSignedScales = false;
  static SLUICE_INLINE void Unpack(const std::byte*, int, Scales* out) {
    out->scale[0] = out->scale[1] = Lanes::Bytes(1);
  }
  static SLUICE_INLINE F D(const std::byte* fields, int first) { return HalfField(fields, 0, first); }
};

struct Q3_K : UnsignedCodes<3, 4> {
  static constexpr int kGroup = 16, kFieldBytes = 14;
  static constexpr bool kMinima = false, kSignedScales = true;
  // Four low bits of scales 0..7 in two words' low nibbles, of 8..15 in the high ones; then their two high
  // bits.
  static SLUICE_INLINE void Unpack(const std::byte* fields, int first, Scales* out) {
    const I high = WordField(fields, 8, first);
    for (int w = 0; w < 4; ++w) {
      const I low = Lanes::Right(WordField(fields, w % 2 * 4, first), w / 2 * 4) & Lanes::Bytes(15);
      const I two = Lanes::Left(Lanes::Right(high, 2 * w) & Lanes::Bytes(3), 4);
      out->scale[w] = Lanes::SubBytes(low | two, Lanes::Bytes(32));
    }
  }
  static SLUICE_INLINE F D(const std::byte* fields, int first) { return HalfField(fields, 12, first); }
};

template <int bits>
struct Q45_K : UnsignedCodes<bits, 0> {
  static constexpr int kGroup = 32, kFieldBytes = 16;
  static constexpr bool kMinima = true, kSignedScales = false;
  // Six bits each: the first four scales and minima whole, with two high bits of the last four above them.
  static SLUICE_INLINE void Unpack(const std::byte* fields, int first, Scales* out) {
    const I s = WordField(fields, 0, first), m = WordField(fields, 4, first),
            low = WordField(fields, 8, first);
    const I six = Lanes::Bytes(0x3f), four = Lanes::Bytes(15), two = Lanes::Bytes(0x30);
    out->scale[0] = s & six;
    out->min[0] = m & six;
    out->scale[1] = (low & four) | (Lanes::Right(s, 2) & two);
    out->min[1] = (Lanes::Right(low, 4) & four) | (Lanes::Right(m, 2) & two);
  }
  static SLUICE_INLINE F D(const std::byte* fields, int first) { return HalfField(fields, 12, first); }
  static SLUICE_INLINE F Dmin(const std::byte* fields, int first) { return HalfField(fields, 14, first); }
};

struct Q6_K : UnsignedCodes<6, 32> {
  static constexpr int kGroup = 16, kFieldBytes = 18;
  static constexpr bool kMinima = false, kSignedScales = true;
  static SLUICE_INLINE void Unpack(const std::byte* fields, int first, Scales* out) {
    for (int w = 0; w < 4; ++w) out->scale[w] = WordField(fields, 4 * w, first);
  }
  static SLUICE_INLINE F D(const std::byte* fields, int first) { return HalfField(fields, 16, first); }
};

struct IQ4_XS : IQ4Codes {
  static constexpr int kGroup = 32, kFieldBytes = 8;
  static constexpr bool kMinima = false, kSignedScales = true;
  // Eight nibbles in a word, eight high pairs of bits in 16: spread over bytes.
  static SLUICE_INLINE void Unpack(const std::byte* fields, int first, Scales* out) {
    const I low = WordField(fields, 0, first);
    const I high = Lanes::LoadU16(fields + 6 * kPanelRows + 2 * first);
    for (int w = 0; w < 2; ++w) {
      I n = Lanes::Right(low, 16 * w) & Lanes::Words(0xffff);
      n = (n | Lanes::Left(n, 8)) & Lanes::Words(0x00ff00ff);
      n = (n | Lanes::Left(n, 4)) & Lanes::Bytes(15);
      I p = Lanes::Right(high, 8 * w) & Lanes::Words(0xff);
      p = (p | Lanes::Left(p, 12)) & Lanes::Words(0x000f000f);
      p = (p | Lanes::Left(p, 6)) & Lanes::Bytes(3);
      out->scale[w] = Lanes::SubBytes(n | Lanes::Left(p, 4), Lanes::Bytes(32));
    }
  }
  static SLUICE_INLINE F D(const std::byte* fields, int first) { return HalfField(fields, 4, first); }
};

// An UnpackedSuperblock: a sub-scale per kGroup, which is 16 or 32, and a float scale.
template <int group>
struct Unpacked : UnsignedBytes<Plane<8>, Lanes::kUnpackedOffset, 128> {
  static constexpr int kGroup = group, kFieldBytes = 20;
  static constexpr bool kMinima = false, kSignedScales = false;
  static SLUICE_INLINE void Unpack(const std::byte* fields, int first, Scales* out) {
    for (int w = 0; w < 64 / kGroup; ++w) out->scale[w] = WordField(fields, 4 * w, first);
  }
  static SLUICE_INLINE F D(const std::byte* fields, int first) {
    return Lanes::LoadF32(fields + 16 * kPanelRows + 4 * first);
  }
};

// Weights that are in the cache when they are read: nothing is to be prefetched behind them.
template <typename Weights>
constexpr bool kUnpackedInCache = false;
template <int group>
constexpr bool kUnpackedInCache<Unpacked<group>> = true;

}  // namespace
}  // namespace sluice::kernels
