// exp, tanh, erf and the activations made of them, written once for any number of lanes. A vector type V
// offers V::All, the operators + - * /, Fma, Max, Min, Abs, CopySign, Less, Select and Scale2; every V gives
// the same bits.
#pragma once

#include <cstdint>

#define SLUICE_INLINE inline __attribute__((always_inline))

namespace sluice::kernels {

// Within 1.1 ulp; 0 from -103.98 down, infinity from 88.73 up. NaN stays NaN.
template <class V>
SLUICE_INLINE V ExpOf(V x) {
  // e^x = 2^n e^r with |r| <= ln2 / 2. Adding 1.5 * 2^23 rounds to an integer. Max and Min return their
  // second operand if one is NaN.
  x = Min(V::All(89.0f), Max(V::All(-104.0f), x));
  const V magic = V::All(0x1.8p23f);
  const V n = Fma(x, V::All(0x1.715476p+0f), magic) - magic;
  V r = Fma(n, V::All(-0x1.62e430p-1f), x);
  r = Fma(n, V::All(0x1.05c610p-29f), r);
  V q = V::All(0x1.6d117cp-10f);
  q = Fma(q, r, V::All(0x1.120be2p-7f));
  q = Fma(q, r, V::All(0x1.555518p-5f));
  q = Fma(q, r, V::All(0x1.5554dcp-3f));
  q = Fma(q, r, V::All(0x1.0p-1f));
  return Scale2(Fma(q, r * r, r) + V::All(1.0f), n);
}

// Within 3 ulp.
template <class V>
SLUICE_INLINE V TanhOf(V x) {
  const V t = Abs(x);
  const V one = V::All(1.0f);
  const V far = one - V::All(2.0f) / (ExpOf(t + t) + one);
  const V s = t * t;
  V q = V::All(-0x1.8f8de4p-8f);
  q = Fma(q, s, V::All(0x1.58048ep-6f));
  q = Fma(q, s, V::All(-0x1.b9258ap-5f));
  q = Fma(q, s, V::All(0x1.110e1cp-3f));
  q = Fma(q, s, V::All(-0x1.555552p-2f));
  const V near = Fma(q * s, t, t);
  return CopySign(Select(Less(t, V::All(0.625f)), near, far), x);
}

// Absolute error below 1.2e-7.
template <class V>
SLUICE_INLINE V ErfOf(V x) {
  const V t = Min(V::All(4.0f), Abs(x));
  const V s = t * t;
  V q = V::All(0x1.4a5690p-14f);
  q = Fma(q, s, V::All(-0x1.a45088p-11f));
  q = Fma(q, s, V::All(0x1.541270p-8f));
  q = Fma(q, s, V::All(-0x1.b7fabap-6f));
  q = Fma(q, s, V::All(0x1.ce2d10p-4f));
  q = Fma(q, s, V::All(-0x1.81273ep-2f));
  q = Fma(q, s, V::All(0x1.06eba8p-3f));
  const V near = Fma(q, t, t);
  V log = V::All(-0x1.b77830p-20f);  // -log(1 - erf(t)) on [1, 4]
  log = Fma(log, t, V::All(0x1.825ce4p-15f));
  log = Fma(log, t, V::All(-0x1.38e5e6p-11f));
  log = Fma(log, t, V::All(0x1.37ecc6p-8f));
  log = Fma(log, t, V::All(-0x1.b0e246p-6f));
  log = Fma(log, t, V::All(0x1.c2e356p-4f));
  log = Fma(log, t, V::All(0x1.437eb4p-1f));
  log = Fma(log, t, V::All(0x1.2156fap+0f));
  log = Fma(log, t, V::All(-0x1.4fb068p-12f));
  const V far = V::All(1.0f) - ExpOf(V::All(0.0f) - log);
  return CopySign(Select(Less(t, V::All(1.0f)), near, far), x);
}

template <class V>
SLUICE_INLINE V SigmoidOf(V x) {
  return V::All(1.0f) / (V::All(1.0f) + ExpOf(V::All(0.0f) - x));
}

template <class V>
SLUICE_INLINE V SiluOf(V x) {
  return x / (V::All(1.0f) + ExpOf(V::All(0.0f) - x));
}

template <class V>
SLUICE_INLINE V GeluOf(V x) {
  return V::All(0.5f) * x * (V::All(1.0f) + ErfOf(x * V::All(0x1.6a09e6p-1f)));  // 1 / sqrt(2)
}

template <class V>
SLUICE_INLINE V GeluTanhOf(V x) {
  const V inner = V::All(0x1.988454p-1f) * Fma(x * x * x, V::All(0.044715f), x);  // sqrt(2 / pi)
  return V::All(0.5f) * x * (V::All(1.0f) + TanhOf(inner));
}

template <class V>
SLUICE_INLINE V ReluOf(V x) {
  return Max(V::All(0.0f), x);
}

namespace lane {

SLUICE_INLINE uint32_t Bits(float x) { return __builtin_bit_cast(uint32_t, x); }
SLUICE_INLINE float FromBits(uint32_t bits) { return __builtin_bit_cast(float, bits); }
SLUICE_INLINE float CopySign(float x, float sign) {
  return FromBits((Bits(x) & 0x7fffffffu) | (Bits(sign) & 0x80000000u));
}
// 2^n for a whole n in [-126, 127].
SLUICE_INLINE float Power2(int32_t n) { return FromBits((static_cast<uint32_t>(n) + 127u) << 23); }
// x * 2^n, rounded once, for x near 1 and a whole n in [-150, 128]: the first product is exact.
SLUICE_INLINE float Scale2(float x, float n) {
  const uint32_t whole = Bits(n + 0x1.8p23f) - Bits(0x1.8p23f);
  const int32_t half = static_cast<int32_t>(whole) >> 1;
  return x * Power2(half) * Power2(static_cast<int32_t>(whole - static_cast<uint32_t>(half)));
}

}  // namespace lane

// One lane.
struct F32x1 {
  float v;
  static SLUICE_INLINE F32x1 All(float x) { return {x}; }
};
SLUICE_INLINE F32x1 operator+(F32x1 a, F32x1 b) { return {a.v + b.v}; }
SLUICE_INLINE F32x1 operator-(F32x1 a, F32x1 b) { return {a.v - b.v}; }
SLUICE_INLINE F32x1 operator*(F32x1 a, F32x1 b) { return {a.v * b.v}; }
SLUICE_INLINE F32x1 operator/(F32x1 a, F32x1 b) { return {a.v / b.v}; }
SLUICE_INLINE F32x1 Fma(F32x1 a, F32x1 b, F32x1 c) { return {__builtin_fmaf(a.v, b.v, c.v)}; }
SLUICE_INLINE F32x1 Max(F32x1 a, F32x1 b) { return {a.v > b.v ? a.v : b.v}; }
SLUICE_INLINE F32x1 Min(F32x1 a, F32x1 b) { return {a.v < b.v ? a.v : b.v}; }
SLUICE_INLINE F32x1 Abs(F32x1 x) { return {lane::CopySign(x.v, 0.0f)}; }
SLUICE_INLINE F32x1 CopySign(F32x1 x, F32x1 sign) { return {lane::CopySign(x.v, sign.v)}; }
SLUICE_INLINE bool Less(F32x1 a, F32x1 b) { return a.v < b.v; }
SLUICE_INLINE F32x1 Select(bool mask, F32x1 yes, F32x1 no) { return mask ? yes : no; }
SLUICE_INLINE F32x1 Scale2(F32x1 x, F32x1 n) { return {lane::Scale2(x.v, n.v)}; }

// The same bits as the table's kernels, one value at a time. Slow: a call per fused multiply-add.
inline float Exp(float x) { return ExpOf(F32x1{x}).v; }
inline float Tanh(float x) { return TanhOf(F32x1{x}).v; }
inline float Erf(float x) { return ErfOf(F32x1{x}).v; }
inline float Sigmoid(float x) { return SigmoidOf(F32x1{x}).v; }
inline float Silu(float x) { return SiluOf(F32x1{x}).v; }
inline float Gelu(float x) { return GeluOf(F32x1{x}).v; }
inline float GeluTanh(float x) { return GeluTanhOf(F32x1{x}).v; }

}  // namespace sluice::kernels
