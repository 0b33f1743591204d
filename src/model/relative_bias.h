// Scores that grow or shrink with the distance between query and key (arXiv 1910.10683).
#pragma once

#include <cstdint>
#include <vector>

#include "model/desc.h"

namespace sluice::model {

// Of the layers that share the stack's table; null: there are none.
const Gqa* FindRelativelyBiased(const Stack& stack);

// The bucket of a key that stands `distance` after the query (negative: before it). Where only keys before
// the query are seen, all buckets are for those; else half of them.
int RelativeBucket(const RelativeBias& bias, bool both_ways, int64_t distance);

// What is added to the score of a key, ready to be read by distance.
struct RelativeTable {
  int64_t reach = 0;  // distances beyond it are like it
  std::vector<int32_t>
      buckets;  // [2 * reach + 1], from a key `reach` before the query to one as far after it
  int heads = 0;
  const float* table = nullptr;  // [buckets][heads], as files hold it

  // Of keys [begin, end) for a query at `position`: out[key - begin].
  void Write(int head, int64_t position, int64_t begin, int64_t end, float* out) const;
};
// References `table`.
RelativeTable MakeRelativeTable(const Gqa& gqa, const float* table);

}  // namespace sluice::model
