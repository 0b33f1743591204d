#include "backend/cpu/expert_groups.h"

#include <algorithm>

namespace sluice::backend::cpu {

void ChooseWhole(std::span<ExpertGroup> groups, int64_t workers) {
  constexpr int64_t kLeastPerWorker = 3;
  int64_t all = 0, whole = 0;
  for (const ExpertGroup& g : groups) all += PanelCost(g);
  for (ExpertGroup& g : groups) {
    const int64_t cost = PanelCost(g);
    g.whole = cost * kLeastPerWorker * workers <= all && 2 * (whole + cost) <= all;
    if (g.whole) whole += cost;
  }
}

void GroupByExpert(const model::Router& router, const Context& c) {
  Routing& r = *c.routing;
  const int64_t assignments = c.tokens() * router.top_k;
  std::vector<int32_t>& first = r.first_row;
  std::fill_n(first.begin(), router.experts + 1, 0);
  for (int64_t a = 0; a < assignments; ++a) ++first[r.experts[a] + 1];
  r.groups.clear();
  for (int e = 0; e < router.experts; ++e) {
    if (first[e + 1] > 0) r.groups.push_back({e, first[e], first[e + 1]});
    first[e + 1] += first[e];
  }
  for (int64_t a = 0; a < assignments; ++a) {
    const int32_t row = first[r.experts[a]]++;
    r.row_token[row] = static_cast<int32_t>(a / router.top_k);
    r.row_weight[row] = r.weights[a];
  }
  // A memory node holds a slice of each expert; an adapter needs all hidden rows before down.
  if (c.tokens() <= kWholeTokens && c.nodes == 1 && c.adapters == nullptr) ChooseWhole(r.groups, c.workers);
}

}  // namespace sluice::backend::cpu
