#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sluice::model {
namespace {

constexpr double kPi = std::numbers::pi;

// Wavelengths short against the original context stay, long ones are stretched, those between are blended.
double Scaled(const Llama3Scaling& s, double frequency) {
  const double wavelength = 2 * kPi / frequency;
  const double longest_kept = s.original_ctx / static_cast<double>(s.high_freq_factor);
  const double shortest_stretched = s.original_ctx / static_cast<double>(s.low_freq_factor);
  if (wavelength < longest_kept) return frequency;
  if (wavelength > shortest_stretched) return frequency / s.factor;
  const double width = s.high_freq_factor - static_cast<double>(s.low_freq_factor);
  if (width <= 0) return frequency / s.factor;  // one threshold: nothing lies between
  const double kept = (s.original_ctx / wavelength - s.low_freq_factor) / width;
  return (1 - kept) * frequency / s.factor + kept * frequency;
}

// The dimension whose frequency turns `rotations` times over the original context.
double CorrectionDim(const Rope& rope, const YarnScaling& s, double rotations) {
  return rope.dims * std::log(s.original_ctx / (rotations * 2 * kPi)) /
         (2 * std::log(static_cast<double>(rope.theta)));
}

double Scaled(const Rope& rope, const YarnScaling& s, int pair, double frequency) {
  double low = CorrectionDim(rope, s, s.beta_fast), high = CorrectionDim(rope, s, s.beta_slow);
  if (s.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, rope.dims - 1.0);
  if (low == high) high += 0.001;
  const double stretched = std::clamp((pair - low) / (high - low), 0.0, 1.0);
  return frequency / s.factor * stretched + frequency * (1 - stretched);
}

}  // namespace

std::vector<float> RopeFrequencies(const Rope& rope, std::span<const float> file_factors, bool long_request) {
  std::vector<float> frequencies(rope.dims / 2);
  for (int i = 0; i < rope.dims / 2; ++i) {
    double f = std::pow(static_cast<double>(rope.theta), -2.0 * i / rope.dims);
    if (!file_factors.empty()) f /= file_factors[i];
    if (const auto* linear = std::get_if<LinearScaling>(&rope.scaling)) f /= linear->factor;
    if (const auto* llama3 = std::get_if<Llama3Scaling>(&rope.scaling)) f = Scaled(*llama3, f);
    if (const auto* yarn = std::get_if<YarnScaling>(&rope.scaling)) f = Scaled(rope, *yarn, i, f);
    if (const auto* two = std::get_if<LongRopeScaling>(&rope.scaling); two && !rope.file_factors)
      f /= (long_request ? two->long_factors : two->short_factors)[i];
    if (i >= rope.dims / 2 - rope.still_pairs) f = 0;
    frequencies[i] = static_cast<float>(f);
  }
  return frequencies;
}

float RopeMagnitude(const Rope& rope, bool long_request) {
  if (const auto* two = std::get_if<LongRopeScaling>(&rope.scaling))
    return long_request ? two->long_magnitude : two->short_magnitude;
  const auto* yarn = std::get_if<YarnScaling>(&rope.scaling);
  return yarn ? yarn->magnitude : 1;
}

float YarnMagnitude(float factor, float mscale) {
  return factor <= 1 ? 1 : static_cast<float>(0.1 * mscale * std::log(static_cast<double>(factor)) + 1);
}

}  // namespace sluice::model
