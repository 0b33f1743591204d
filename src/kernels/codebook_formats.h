// The codebook types and TQ1_0 as the vector tiers read them, where they lie in a panel (panel_layout.h,
// codebook_block.h). For tier files, after a lanes_*.h.
#pragma once

#include "kernels/grid_words.h"
#include "kernels/matmul_kernels.h"

namespace sluice::kernels {
namespace {

// A superblock of rows first, ...
struct Indexed {
  const std::byte *fields, *vectors;
  const std::byte* signs;  // with the eighth ones
  const uint16_t* grid;
  int first;

  SLUICE_INLINE I Vector(int at) const { return Lanes::Load(vectors + at * 64 + first * 4); }
  // Prefetches behind the part of the superblock that is a batch's share.
  template <typename Format>
  SLUICE_INLINE void PrefetchBatch(int batch) const {
    constexpr int kLines = (Format::kVectors + Format::kBatches - 1) / Format::kBatches;
    if (first > 0) return;
    for (int i = 0; i < kLines; ++i) Prefetch<Format, kPanelRows>(vectors + (batch * kLines + i) * 64);
  }
  SLUICE_INLINE const std::byte* Signs(int batch) const { return signs + batch * 32; }
};

// Quad `quad` (0..7) of codes of kBits from vector `at` on, of which the first planes are the widest.
template <int kBits>
SLUICE_INLINE I CodesOfQuad(const Indexed& s, int at, int quad) {
  if constexpr (kBits == 3) {
    return CodesOfQuad<2>(s, at, quad) | Lanes::Left(CodesOfQuad<1>(s, at + 2, quad), 2);
  } else {
    static_assert(kBits == 1 || kBits == 2 || kBits == 4);
    constexpr int kQuads = 8 / kBits;
    return Lanes::Right(s.Vector(at + quad / kQuads), quad % kQuads * kBits) & Lanes::Bytes((1 << kBits) - 1);
  }
}

// Four nibbles in the order 0, 2, 1, 3 as bytes in theirs.
SLUICE_INLINE I SpreadNibbles(I v) { return (v | Lanes::Left(v, 12)) & Lanes::Bytes(15); }

// Level numbers to what the lanes take for magnitudes: of both halves of a nibble, or of one code in it.
template <size_t kLevels>
consteval ByteTable LevelsOfNibbles(const std::array<int8_t, kLevels>& levels, int shift) {
  ByteTable table{};
  for (int i = 0; i < 16; ++i)
    table.value[i] =
        static_cast<uint8_t>(levels[static_cast<size_t>(i) >> shift & (kLevels - 1)] + Lanes::kSignedOffset);
  return table;
}

// Scales 2 n + 1 of kWords words of nibbles.
template <int kWords>
SLUICE_INLINE void OddScales(const std::byte* fields, int first, int mask, Scales* out) {
  for (int w = 0; w < 2 * kWords; ++w) {
    const I n = Lanes::Right(WordField(fields, w / 2 * 4, first), w % 2 * 4) & Lanes::Bytes(mask);
    out->scale[w] = Lanes::Left(n, 1) | Lanes::Bytes(1);
  }
}

// What the types with a grid have in common. high_bits, sign_bits: as in IndexLayout.
template <DType type, int entries, int chunks, int high_bits, int sign_bits, int group>
struct Codebook {
  static constexpr DType kType = type;
  static constexpr int kGroup = group, kOffset = Lanes::kSignedOffset, kSignBits = sign_bits;
  static constexpr int kVectors = chunks * (8 + high_bits) + sign_bits;  // of a superblock
  static constexpr int kSignsAt = chunks * (8 + high_bits);
  static constexpr int kBatches = 8, kBatchQuads = 8;
  static constexpr bool kSigned = true, kMinima = false, kSignedScales = false, kScaled = true;

  // What four indices name, in order; and the bits above the indices' eight.
  struct Four {
    I entry[4], high;
  };
  static SLUICE_INLINE Four LookUp(const Indexed& s, int vector, int index_bits) {
    const I bytes = Lanes::Words(0x00ff00ff), low = s.Vector(vector);
    I even = low & bytes, odd = Lanes::Right(low, 8) & bytes, high{};
    if constexpr (high_bits > 0) {
      high = CodesOfQuad<high_bits>(s, chunks * 8 + vector / 8 * high_bits, vector % 8);
      const I part = index_bits < high_bits ? high & Lanes::Bytes((1 << index_bits) - 1) : high;
      even |= Lanes::Left(part & bytes, 8);
      odd |= part & Lanes::Left(bytes, 8);
    }
    const Lanes::Entries evens = Lanes::LookupWords<entries>(s.grid, even),
                         odds = Lanes::LookupWords<entries>(s.grid, odd);
    return {{evens.low, odds.low, evens.high, odds.high}, high};
  }

  static SLUICE_INLINE I Stored(Lanes::Codes codes) { return Lanes::Unpacked(codes); }
};

// An index for eight magnitudes.
template <DType type, int entries, int high_bits, int sign_bits, int group>
struct IQ2 : Codebook<type, entries, 1, high_bits, sign_bits, group> {
  static constexpr int kLargest = 43;
  static constexpr int kFieldBytes = 128 / group + 2;
  static constexpr ByteTable kFirst = LevelsOfNibbles(blocks::kLevelsIQ2, 0),
                             kSecond = LevelsOfNibbles(blocks::kLevelsIQ2, 2);
  static SLUICE_INLINE void Unpack(const std::byte* fields, int first, Scales* out) {
    OddScales<32 / group>(fields, first, 15, out);
  }
  static SLUICE_INLINE F D(const std::byte* fields, int first) {
    return Lanes::Mul(HalfField(fields, 128 / group, first), Lanes::All(0.125f));
  }
  // f(quad of the batch, quad of the superblock, codes)
  template <typename Body>
  static SLUICE_INLINE void Batch(const Indexed& s, int batch, Body f) {
    const auto four = IQ2::LookUp(s, batch, high_bits);
    const std::byte* signs = s.Signs(batch);
    Unroll<8>([&](auto q) __attribute__((always_inline)) {
      constexpr int kQuad = decltype(q)::value;
      const I levels = Lanes::Lookup(SpreadNibbles(four.entry[kQuad / 2]), kQuad % 2 ? kSecond : kFirst);
      f(q, 8 * batch + kQuad,
        Lanes::Negate(levels, Lanes::LoadSigns(signs + kQuad % 2 * 256 + kQuad / 2 * 8, s.first)));
    });
  }
};
using IQ2_XXS = IQ2<DType::kIQ2_XXS, 256, 0, 7, 32>;
using IQ2_XS = IQ2<DType::kIQ2_XS, 512, 1, 7, 16>;
using IQ2_S = IQ2<DType::kIQ2_S, 1024, 2, 8, 16>;

// An index for four magnitudes, a scale per 32.
template <DType type, int entries, int high_bits, int sign_bits, int largest>
struct IQ3 : Codebook<type, entries, 2, high_bits, sign_bits, 32> {
  static constexpr int kLargest = largest, kFieldBytes = 6;
  static constexpr ByteTable kTable =
      LevelsOfNibbles(type == DType::kIQ3_S ? blocks::kLevelsIQ3_S : blocks::kLevelsIQ3_XXS, 0);
  static SLUICE_INLINE void Unpack(const std::byte* fields, int first, Scales* out) {
    OddScales<1>(fields, first, 15, out);
  }
  static SLUICE_INLINE F D(const std::byte* fields, int first) {
    return Lanes::Mul(HalfField(fields, 4, first), Lanes::All(type == DType::kIQ3_S ? 1 : 0.25f));
  }
  template <typename Body>
  static SLUICE_INLINE void Batch(const Indexed& s, int batch, Body f) {
    const auto first = IQ3::LookUp(s, 2 * batch, high_bits),
               second = IQ3::LookUp(s, 2 * batch + 1, high_bits);
    const std::byte* signs = s.Signs(batch);
    Unroll<8>([&](auto q) __attribute__((always_inline)) {
      constexpr int kQuad = decltype(q)::value;
      const I levels = Lanes::Lookup(SpreadNibbles((kQuad < 4 ? first : second).entry[kQuad % 4]), kTable);
      f(q, 8 * batch + kQuad,
        Lanes::Negate(levels, Lanes::LoadSigns(signs + kQuad % 2 * 256 + kQuad / 2 * 8, s.first)));
    });
  }
};
using IQ3_XXS = IQ3<DType::kIQ3_XXS, 256, 0, 7, 62>;
using IQ3_S = IQ3<DType::kIQ3_S, 512, 1, 8, 15>;

// An index for eight of -1, 0, 1, which are shifted up or down by an eighth: eight times that.
template <DType type, int high_bits, int group>
struct IQ1 : Codebook<type, 2048, 1, high_bits, 0, group> {
  static constexpr int kLargest = 9;
  static constexpr std::array<int8_t, 4> kLevels = {-7, 1, 9, 1};  // shifted up
  static constexpr ByteTable kFirst = LevelsOfNibbles(kLevels, 0), kSecond = LevelsOfNibbles(kLevels, 2);

  // down(group of four, bits above the indices): 2 in each byte of rows that are shifted down
  template <typename Down, typename Body>
  static SLUICE_INLINE void ShiftedBatch(const Indexed& s, int batch, Down down, Body f) {
    const auto four = IQ1::LookUp(s, batch, 3);
    Unroll<8>([&](auto q) __attribute__((always_inline)) {
      constexpr int kQuad = decltype(q)::value;
      const I levels = Lanes::Lookup(SpreadNibbles(four.entry[kQuad / 2]), kQuad % 2 ? kSecond : kFirst);
      f(q, 8 * batch + kQuad, Lanes::Offset(Lanes::SubBytes(levels, down(kQuad / 2, four.high))));
    });
  }
};

struct IQ1_S : IQ1<DType::kIQ1_S, 3, 32> {
  static constexpr int kFieldBytes = 6;
  static SLUICE_INLINE void Unpack(const std::byte* fields, int first, Scales* out) {
    OddScales<1>(fields, first, 7, out);
  }
  static SLUICE_INLINE F D(const std::byte* fields, int first) {
    return Lanes::Mul(HalfField(fields, 4, first), Lanes::All(0.125f));
  }
  template <typename Body>
  static SLUICE_INLINE void Batch(const Indexed& s, int batch, Body f) {
    const I down =
        Lanes::IfBit(WordField(s.fields, 0, s.first), batch % 4 * 8 + batch / 4 * 4 + 3, Lanes::Bytes(2));
    ShiftedBatch(s, batch, [down](int, I) __attribute__((always_inline)) { return down; }, f);
  }
};

struct IQ1_M : IQ1<DType::kIQ1_M, 4, 16> {
  static constexpr int kFieldBytes = 8;
  static SLUICE_INLINE void Unpack(const std::byte* fields, int first, Scales* out) {
    const I low = WordField(fields, 0, first);
    I third = Lanes::LoadU16(fields + 4 * kPanelRows + 2 * first);
    third = (third | Lanes::Left(third, 8)) & Lanes::Words(0x00ff00ff);
    third = (third | Lanes::Left(third, 4)) & Lanes::Bytes(15);
    for (int w = 0; w < 4; ++w) {
      const I n = (Lanes::Right(low, 2 * w) & Lanes::Bytes(3)) |
                  Lanes::Left(Lanes::Right(third, w) & Lanes::Bytes(1), 2);
      out->scale[w] = Lanes::Left(n, 1) | Lanes::Bytes(1);
    }
  }
  static SLUICE_INLINE F D(const std::byte* fields, int first) {
    return Lanes::Mul(HalfField(fields, 6, first), Lanes::All(0.125f));
  }
  template <typename Body>
  static SLUICE_INLINE void Batch(const Indexed& s, int batch, Body f) {
    ShiftedBatch(
        s, batch,
        [](int g, I high)
            __attribute__((always_inline)) { return Lanes::IfBit(high, 8 * g + 3, Lanes::Bytes(2)); },
        f);
  }
};

// Five digits of base 3 in a byte, as a fraction of 256.
struct TQ1_0 {
  static constexpr DType kType = DType::kTQ1_0;
  static constexpr int kGroup = 32, kFieldBytes = 22, kOffset = 1, kLargest = 2, kSignBits = 0;
  static constexpr int kVectors = 8, kSignsAt = 0, kBatches = 13, kBatchQuads = 5;
  static constexpr bool kSigned = false, kMinima = false, kSignedScales = false, kScaled = false;
  static SLUICE_INLINE void Unpack(const std::byte*, int, Scales* out) {
    out->scale[0] = out->scale[1] = Lanes::Bytes(1);
  }
  static SLUICE_INLINE F D(const std::byte* fields, int first) { return HalfField(fields, 20, first); }
  // Digit i of a batch is 32 k behind digit i - 1, in the four batches behind 16, and in the last, which has
  // four digits, 4.
  template <typename Body>
  static SLUICE_INLINE void Batch(const Indexed& s, int batch, Body f) {
    I fraction = batch < 8 ? s.Vector(batch) : WordField(s.fields, 4 * (batch - 8), s.first);
    const int step = batch < 8    ? 8
                     : batch < 12 ? 4
                                  : 1,
              begin = batch < 8    ? batch
                      : batch < 12 ? 32 + batch
                                   : 60;
    Unroll<5>([&](auto digit) __attribute__((always_inline)) {
      constexpr int kDigit = decltype(digit)::value;
      if (kDigit == 4 && batch == 12) return;
      f(digit, begin + kDigit * step, Lanes::Unsigned(Lanes::ThirdsOf(fraction)));
      fraction = Lanes::AddBytes(Lanes::AddBytes(fraction, fraction), fraction);
    });
  }
  static SLUICE_INLINE I Stored(Lanes::Codes codes) {
    return Lanes::AddBytes(codes.value, Lanes::Bytes(Lanes::kUnpackedOffset - kOffset));
  }
};

// --- A superblock at a time ---

// Signs as masks of 64 bits for sixteen rows times a quad, first halves of groups first, in 512 bytes.
struct SignBuffer {
  alignas(64) std::byte masks[512];

  // Fills in the eighth signs.
  SLUICE_INLINE void Complete(const std::byte* seven) {
    for (int first = 0; first < kPanelRows; first += Lanes::kRows) {
      const auto at = [&](int vector) { return vector * 64 + first * 4; };
      I second[4] = {};
      for (int v = 0; v < 3; ++v) {
        const I stored = Lanes::Load(seven + at(4 + v));
        second[v] = stored & Lanes::Bytes(0x77);
        second[3] |= Lanes::Right(stored, 3 - v) & Lanes::Bytes(0x11 << v);
      }
      for (int v = 0; v < 4; ++v) {
        const I halves = Lanes::Load(seven + at(v));
        I odd = halves ^ second[v];  // the number of signs: of two, then of one bit in each nibble
        odd ^= Lanes::Right(odd, 2);
        odd ^= Lanes::Right(odd, 1);
        Lanes::StoreBits(masks + at(v), halves);
        Lanes::StoreBits(masks + at(4 + v), second[v] | Lanes::Left(odd & Lanes::Bytes(0x11), 3));
      }
    }
  }
};

// A superblock of any of these types in the form of a packed type with bytes for codes.
struct UnpackedSuperblock {
  alignas(64) std::byte code[64][kPanelRows * 4];  // of four consecutive k, plus Lanes::kUnpackedOffset
  alignas(64) std::byte scale[4][kPanelRows * 4];  // of four consecutive groups
  alignas(64) float d[kPanelRows];
};

// The superblocks of a panel.
template <typename Format>
class IndexedBlocks {
 public:
  IndexedBlocks(const std::byte* panel, int64_t k)
      : fields_(panel), vectors_(panel + CodesAt<Format>(k / 256)), grid_(GridWords(Format::kType)) {}

  // Rows are left to be chosen. Completes signs in `buffer`.
  SLUICE_INLINE Indexed At(int64_t b, SignBuffer* buffer) const {
    const std::byte* vectors = vectors_ + b * Format::kVectors * 64;
    const std::byte* signs = vectors + Format::kSignsAt * 64;
    if constexpr (Format::kSignBits == 7) {
      buffer->Complete(signs);
      signs = buffer->masks;
    }
    return {fields_ + b * Format::kFieldBytes * kPanelRows, vectors, signs, grid_, 0};
  }

  void Unpack(int64_t b, UnpackedSuperblock* out) const {
    SignBuffer buffer;
    Indexed s = At(b, &buffer);
    for (; s.first < kPanelRows; s.first += Lanes::kRows) {
      Scales scales;
      Format::Unpack(s.fields, s.first, &scales);
      for (int w = 0; w < 64 / Format::kGroup; ++w)
        Lanes::StoreBits(out->scale[w] + s.first * 4, scales.scale[w]);
      Lanes::Store(out->d + s.first, Format::D(s.fields, s.first));
      for (int batch = 0; batch < Format::kBatches; ++batch) {
        s.PrefetchBatch<Format>(batch);
        Format::Batch(s, batch, [&](auto, int quad, Lanes::Codes codes) __attribute__((always_inline)) {
          Lanes::StoreBits(out->code[quad] + s.first * 4, Format::Stored(codes));
        });
      }
    }
  }

 private:
  const std::byte *fields_, *vectors_;
  const uint16_t* grid_;
};

}  // namespace
}  // namespace sluice::kernels
