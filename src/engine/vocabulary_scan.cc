#include "engine/vocabulary_scan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace sluice::engine {
namespace {

constexpr size_t kLanes = 4, kVectors = 4, kStep = kLanes * kVectors, kBlock = 64;
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));

Lanes Load(const float* p) {
  Lanes v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
Lanes Larger(Lanes a, Lanes b) { return a > b ? a : b; }  // b where a is NaN

// -infinity if there is nothing but NaN.
float Largest(std::span<const float> values) {
  constexpr float kLeast = -std::numeric_limits<float>::infinity();
  Lanes largest[kVectors];
  for (Lanes& v : largest) v = Lanes{kLeast, kLeast, kLeast, kLeast};
  size_t i = 0;
  for (; i + kStep <= values.size(); i += kStep)
    for (size_t v = 0; v < kVectors; ++v) largest[v] = Larger(Load(&values[i + v * kLanes]), largest[v]);
  const Lanes one = Larger(Larger(largest[0], largest[1]), Larger(largest[2], largest[3]));
  float rest = std::max(std::max(one[0], one[1]), std::max(one[2], one[3]));
  for (; i < values.size(); ++i)
    if (values[i] > rest) rest = values[i];
  return rest;
}

// The first index of a value; the size if there is none.
size_t Find(std::span<const float> values, float value) {
  size_t i = 0;
  for (; i + kStep <= values.size(); i += kStep) {
    auto any = Load(&values[i]) == value;
    for (size_t v = 1; v < kVectors; ++v) any |= Load(&values[i + v * kLanes]) == value;
    if (any[0] | any[1] | any[2] | any[3]) break;
  }
  while (i < values.size() && values[i] != value) ++i;
  return i;
}

}  // namespace

int32_t ArgMax(std::span<const float> values) {
  const size_t at = Find(values, Largest(values));
  return at == values.size() ? 0 : static_cast<int32_t>(at);
}

int32_t FirstNotFinite(std::span<const float> values) {
  constexpr uint32_t kExponent = 0x7f800000u;
  const auto odd = [](float x) { return (std::bit_cast<uint32_t>(x) & kExponent) == kExponent; };
  uint32_t any = 0;
  for (float x : values) any |= odd(x);  // without a branch
  if (any == 0) return -1;
  return static_cast<int32_t>(std::ranges::find_if(values, odd) - values.begin());
}

void ShiftAndScale(std::span<const float> values, float shift, float factor, std::span<float> out) {
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    const Lanes v = (Load(&values[i]) - shift) * factor;
    std::memcpy(&out[i], &v, sizeof(v));
  }
  for (; i < values.size(); ++i) out[i] = (values[i] - shift) * factor;
}

int32_t FindMass(std::span<const float> values, double mass) {
  for (size_t begin = 0; begin < values.size(); begin += kBlock) {
    const auto block = values.subspan(begin, std::min(kBlock, values.size() - begin));
    double sum[4] = {};
    for (size_t i = 0; i < block.size(); ++i) sum[i % 4] += block[i];
    const double all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    if (!(mass < all)) {
      mass -= all;
      continue;
    }
    for (size_t i = 0; i < block.size(); ++i)
      if ((mass -= block[i]) < 0) return static_cast<int32_t>(begin + i);
  }
  return -1;
}

void Thresholds::Reset(std::span<const float> values) {
  values_ = values;
  largest_.clear();
  for (size_t i = 0; i < values.size(); i += kBlock)
    largest_.push_back(Largest(values.subspan(i, std::min(kBlock, values.size() - i))));
}

void Thresholds::Append(float threshold, std::vector<int32_t>* indices) const {
  for (size_t block = 0; block < largest_.size(); ++block) {
    if (!(largest_[block] >= threshold)) continue;
    const size_t end = std::min((block + 1) * kBlock, values_.size());
    for (size_t i = block * kBlock; i < end; ++i)
      if (values_[i] >= threshold) indices->push_back(static_cast<int32_t>(i));
  }
}

}  // namespace sluice::engine
