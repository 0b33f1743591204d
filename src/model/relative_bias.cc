#include "model/relative_bias.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace sluice::model {

const Gqa* FindRelativelyBiased(const Stack& stack) {
  for (const Layer& layer : stack.layers)
    for (const Branch& branch : layer) {
      const auto* gqa = std::get_if<Gqa>(&branch.op);
      if (gqa && std::holds_alternative<RelativeBias>(gqa->position)) return gqa;
    }
  return nullptr;
}

int RelativeBucket(const RelativeBias& bias, bool both_ways, int64_t distance) {
  int first = 0, buckets = bias.buckets;
  if (both_ways) {
    buckets /= 2;
    if (distance > 0) first = buckets;
    distance = std::abs(distance);
  } else {
    distance = std::max<int64_t>(-distance, 0);
  }
  const int exact = buckets / 2;
  if (distance < exact) return first + static_cast<int>(distance);
  // In floats, as the models were trained: a logarithm decides which bucket begins at a whole distance.
  const float octaves = std::log(static_cast<float>(distance) / static_cast<float>(exact)) /
                        static_cast<float>(std::log(static_cast<double>(bias.max_distance) / exact));
  const int further = static_cast<int>(octaves * static_cast<float>(buckets - exact));
  return first + std::min(exact + further, buckets - 1);
}

void RelativeTable::Write(int head, int64_t position, int64_t begin, int64_t end, float* out) const {
  for (int64_t key = begin; key < end; ++key) {
    const int64_t distance = std::clamp(key - position, -reach, reach);
    out[key - begin] = table[int64_t{buckets[distance + reach]} * heads + head];
  }
}

RelativeTable MakeRelativeTable(const Gqa& gqa, const float* table) {
  const auto& bias = std::get<RelativeBias>(gqa.position);
  RelativeTable result{.reach = bias.max_distance, .buckets = {}, .heads = gqa.heads, .table = table};
  for (int64_t distance = -result.reach; distance <= result.reach; ++distance)
    result.buckets.push_back(RelativeBucket(bias, gqa.sees == Gqa::Sees::kAll, distance));
  return result;
}

}  // namespace sluice::model
