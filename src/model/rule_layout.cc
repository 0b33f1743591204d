#include "model/rule_layout.h"

namespace sluice::model {

Layout LayoutOf(Rule::Fix fix) {
  using Fix = Rule::Fix;
  switch (fix) {
    case Fix::kNone:
      return {};
    case Fix::kFirstHalf:
      return {.doubled = true};
    case Fix::kSecondHalf:
      return {.doubled = true, .part = 1};
    case Fix::kEvenRows:
      return {.doubled = true, .in_turn = true};
    case Fix::kOddRows:
      return {.doubled = true, .in_turn = true, .part = 1};
    case Fix::kTranspose:
      return {.transposed = true};
    case Fix::kTransposedFirstHalf:
      return {.transposed = true, .doubled = true};
    case Fix::kTransposedSecondHalf:
      return {.transposed = true, .doubled = true, .part = 1};
    case Fix::kTransposedEven:
      return {.transposed = true, .doubled = true, .in_turn = true};
    case Fix::kTransposedOdd:
      return {.transposed = true, .doubled = true, .in_turn = true, .part = 1};
    case Fix::kExpertRows:
      return {.expert_rows = true};
    case Fix::kTransposedExpertRows:
      return {.transposed = true, .expert_rows = true};
    case Fix::kFusedQ:
    case Fix::kFusedK:
    case Fix::kFusedV:
      return {.fused = true};
    case Fix::kGrouped:
      return {.grouped = true};
  }
  return {};
}

int64_t StoredRowOf(const WeightNeed& need, const Layout& layout, int64_t r) {
  if (layout.fused) return need.first_fused_row + r;
  if (layout.doubled) return layout.in_turn ? 2 * r + layout.part : layout.part * need.rows + r;
  if (!layout.grouped) return r;
  const int64_t rows = need.rows / need.groups;
  return r / rows * need.group_rows + need.first_group_row + r % rows;
}

}  // namespace sluice::model
