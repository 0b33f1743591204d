// Passes over a vocabulary's values, quick enough to run for every token.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::engine {

// The index of the largest value, the first of equals; 0 if all are NaN.
int32_t ArgMax(std::span<const float> values);
// The index of the first value that is infinite or NaN; -1: none.
int32_t FirstNotFinite(std::span<const float> values);
// out = (values - shift) * factor; may be the same.
void ShiftAndScale(std::span<const float> values, float shift, float factor, std::span<float> out);

// The first index at which the sum of the values exceeds `mass`; -1: none.
int32_t FindMass(std::span<const float> values, double mass);

// Finds the values above a threshold without looking at those of blocks that have none.
class Thresholds {
 public:
  void Reset(std::span<const float> values);  // which must stay as they are
  // Appends the indices of values >= threshold, rising.
  void Append(float threshold, std::vector<int32_t>* indices) const;

 private:
  std::span<const float> values_;
  std::vector<float> largest_;  // of each block
};

}  // namespace sluice::engine
