// The elementwise kernels over F32x16. Included by each tier's file after its vec_*.h; everything is local to
// it. A sum over a row runs in four accumulators of sixteen lanes: element i belongs to accumulator (i / 16)
// % 4, lane i % 16; the end is (a0 + a1) + (a2 + a3), then across lanes as Sum does.
#pragma once

#include <cstdint>

#include "kernels/table.h"

namespace sluice::kernels {
namespace {

constexpr float kInfinity = __builtin_inff();

SLUICE_INLINE F32x16 LoadPart(const float* p, int n, float rest) {
  return Select(LaneRange(0, n), LoadPart(p, n), F32x16::All(rest));
}

// y[i] = f(x[i])
template <class F>
SLUICE_INLINE void Map(const float* x, int64_t n, float* y, F f) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) Store(y + i, f(Load(x + i)));
  const int rest = static_cast<int>(n - i);
  if (rest > 0) StorePart(y + i, rest, f(LoadPart(x + i, rest)));
}

// y[i] = f(a[i], b[i])
template <class F>
SLUICE_INLINE void Map(const float* a, const float* b, int64_t n, float* y, F f) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) Store(y + i, f(Load(a + i), Load(b + i)));
  const int rest = static_cast<int>(n - i);
  if (rest > 0) StorePart(y + i, rest, f(LoadPart(a + i, rest), LoadPart(b + i, rest)));
}

// Sum of add(0, x[i]); lanes past the end hold `neutral`, which must add nothing.
template <class Add>
SLUICE_INLINE float SumRow(const float* x, int64_t n, float neutral, Add add) {
  F32x16 sum[4] = {F32x16::All(0), F32x16::All(0), F32x16::All(0), F32x16::All(0)};
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    for (int j = 0; j < 4; ++j) sum[j] = add(sum[j], Load(x + i + 16 * j));
  }
  for (int j = 0; j < 4 && i < n; ++j, i += 16) {
    const int count = n - i < 16 ? static_cast<int>(n - i) : 16;
    sum[j] = add(sum[j], LoadPart(x + i, count, neutral));
  }
  return Sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

void RmsNorm(const float* x, const float* weight, float eps, int64_t n, float* y) {
  const float squares = SumRow(x, n, 0.0f, [](F32x16 sum, F32x16 v) { return Fma(v, v, sum); });
  const F32x16 inverse = F32x16::All(1.0f / __builtin_sqrtf(squares / static_cast<float>(n) + eps));
  if (weight == nullptr) return Map(x, n, y, [&](F32x16 v) { return v * inverse; });
  Map(x, weight, n, y, [&](F32x16 v, F32x16 w) { return v * inverse * w; });
}

void LayerNorm(const float* x, const float* weight, const float* bias, float eps, int64_t n, float* y) {
  const float total = SumRow(x, n, 0.0f, [](F32x16 sum, F32x16 v) { return sum + v; });
  const float mean = total / static_cast<float>(n);
  const F32x16 center = F32x16::All(mean);
  const float squares = SumRow(x, n, mean, [&](F32x16 sum, F32x16 v) {
    const F32x16 d = v - center;
    return Fma(d, d, sum);
  });
  const F32x16 inverse = F32x16::All(1.0f / __builtin_sqrtf(squares / static_cast<float>(n) + eps));
  Map(x, weight, n, y, [&](F32x16 v, F32x16 w) { return (v - center) * inverse * w; });
  if (bias != nullptr) Map(y, bias, n, y, [](F32x16 v, F32x16 b) { return v + b; });
}

void Softmax(float* x, int64_t n) {
  F32x16 highest = F32x16::All(-kInfinity);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) highest = Max(highest, Load(x + i));
  if (i < n) highest = Max(highest, LoadPart(x + i, static_cast<int>(n - i), -kInfinity));
  const F32x16 top = F32x16::All(MaxOf(highest));
  Map(x, n, x, [&](F32x16 v) { return ExpOf(v - top); });
  const F32x16 sum = F32x16::All(SumRow(x, n, 0.0f, [](F32x16 s, F32x16 v) { return s + v; }));
  Map(x, n, x, [&](F32x16 v) { return v / sum; });
}

void SigmoidRow(const float* x, int64_t n, float* y) {
  Map(x, n, y, [](F32x16 v) { return SigmoidOf(v); });
}

template <class F>
SLUICE_INLINE void Gate(const float* gate, const float* up, int64_t n, float* y, F act) {
  if (up == nullptr) return Map(gate, n, y, act);
  Map(gate, up, n, y, [&](F32x16 g, F32x16 u) { return act(g) * u; });
}

void Glu(Activation act, const float* gate, const float* up, int64_t n, float* y) {
  switch (act) {
    case Activation::kSilu:
      return Gate(gate, up, n, y, [](F32x16 v) { return SiluOf(v); });
    case Activation::kGelu:
      return Gate(gate, up, n, y, [](F32x16 v) { return GeluOf(v); });
    case Activation::kGeluTanh:
      return Gate(gate, up, n, y, [](F32x16 v) { return GeluTanhOf(v); });
    case Activation::kRelu:
      return Gate(gate, up, n, y, [](F32x16 v) { return ReluOf(v); });
  }
}

// Min and Max keep a NaN in their second operand.
SLUICE_INLINE F32x16 ClampTo(F32x16 limit, F32x16 x) { return Min(limit, Max(F32x16::All(0.0f) - limit, x)); }

void Clamp(float limit, int64_t n, float* y) {
  Map(y, n, y, [&](F32x16 v) { return ClampTo(F32x16::All(limit), v); });
}

void GluClamped(const float* gate, const float* up, float limit, float alpha, int64_t n, float* y) {
  const F32x16 top = F32x16::All(limit), steep = F32x16::All(alpha), one = F32x16::All(1.0f);
  Map(gate, up, n, y, [&](F32x16 g, F32x16 u) {
    g = Min(top, g);
    return (ClampTo(top, u) + one) * (g * SigmoidOf(g * steep));
  });
}

// One rounding per element: y = fma(a, x, y).
void Axpy(float a, const float* x, int64_t n, float* y) {
  const F32x16 factor = F32x16::All(a);
  Map(x, y, n, y, [&](F32x16 v, F32x16 w) { return Fma(factor, v, w); });
}

void Scale(float a, int64_t n, float* y) {
  const F32x16 factor = F32x16::All(a);
  Map(y, n, y, [&](F32x16 v) { return v * factor; });
}

struct Rotated {
  F32x16 first, second;
};

SLUICE_INLINE Rotated Rotate(F32x16 first, F32x16 second, F32x16 cos, F32x16 sin) {
  const F32x16 none = F32x16::All(0.0f);
  return {Fma(first, cos, none - second * sin), Fma(second, cos, first * sin)};
}

SLUICE_INLINE void RotateInterleaved(float* x, F32x16 cos, F32x16 sin) {
  const F32x16 a = Load(x);
  const F32x16 b = Load(x + 16);
  const Rotated r = Rotate(Evens(a, b), Odds(a, b), cos, sin);
  Store(x, ZipLow(r.first, r.second));
  Store(x + 16, ZipHigh(r.first, r.second));
}

void RopeInterleaved(float* x, const float* cos, const float* sin, int64_t pairs) {
  int64_t i = 0;
  for (; i + 16 <= pairs; i += 16) RotateInterleaved(x + 2 * i, Load(cos + i), Load(sin + i));
  const int rest = static_cast<int>(pairs - i);
  if (rest == 0) return;
  float part[32] = {};
  for (int j = 0; j < 2 * rest; ++j) part[j] = x[2 * i + j];
  RotateInterleaved(part, LoadPart(cos + i, rest), LoadPart(sin + i, rest));
  for (int j = 0; j < 2 * rest; ++j) x[2 * i + j] = part[j];
}

void Rope(float* x, const float* cos, const float* sin, int64_t pairs, bool interleaved) {
  if (interleaved) return RopeInterleaved(x, cos, sin, pairs);
  float* half = x + pairs;
  int64_t i = 0;
  for (; i + 16 <= pairs; i += 16) {
    const Rotated r = Rotate(Load(x + i), Load(half + i), Load(cos + i), Load(sin + i));
    Store(x + i, r.first);
    Store(half + i, r.second);
  }
  const int rest = static_cast<int>(pairs - i);
  if (rest == 0) return;
  const Rotated r = Rotate(LoadPart(x + i, rest), LoadPart(half + i, rest), LoadPart(cos + i, rest),
                           LoadPart(sin + i, rest));
  StorePart(x + i, rest, r.first);
  StorePart(half + i, rest, r.second);
}

// Every NaN becomes the one quiet NaN 0x7e00.
SLUICE_INLINE F32x16 HalfRange(F32x16 x) {
  return Select(IsNan(x), F32x16::All(__builtin_nanf("")), ClampTo(F32x16::All(65504.0f), x));
}

void F32ToF16(const float* x, int64_t n, uint16_t* y) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) Store(y + i, HalfRange(Load(x + i)));
  const int rest = static_cast<int>(n - i);
  if (rest > 0) StorePart(y + i, rest, HalfRange(LoadPart(x + i, rest)));
}

void FillElementwise(Table& table) {
  table.rms_norm = RmsNorm;
  table.layer_norm = LayerNorm;
  table.softmax = Softmax;
  table.sigmoid = SigmoidRow;
  table.glu = Glu;
  table.glu_clamped = GluClamped;
  table.axpy = Axpy;
  table.scale = Scale;
  table.clamp = Clamp;
  table.rope = Rope;
  table.f32_to_f16 = F32ToF16;
}

}  // namespace
}  // namespace sluice::kernels
