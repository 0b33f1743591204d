#include "engine/state_cuts.h"

#include <algorithm>
#include <vector>

namespace sluice::engine {
namespace {

constexpr int64_t kPage = kernels::kPageTokens;

int64_t WholePages(int64_t tokens) { return tokens / kPage * kPage; }

}  // namespace

CutSpacing CutSpacing::Of(const kv::Pool& pool) {
  constexpr int64_t kShare = 32;
  const int64_t pages = pool.states().slot_bytes() / std::max<int64_t>(1, pool.block_bytes());
  return {kPage * std::max<int64_t>(1, pages), kPage * std::max<int64_t>(1, pages / kShare)};
}

void PlanCuts(const CutSpacing& spacing, int64_t count, Sequence& s, kv::Pool& pool) {
  const int64_t end = s.pages.length + count;
  if (s.answered() > 0 && s.pending() == 1) {
    if (end % kPage == 0 && end - s.pages.last_cut >= spacing.least) pool.Cut(&s.pages, end, true);
    return;
  }
  std::vector<int64_t> cuts;
  int64_t before = s.pages.last_cut;
  const int64_t last = WholePages(static_cast<int64_t>(s.tokens.size()) - 1);
  for (int64_t at = WholePages(s.pages.length) + kPage; at <= end; at += kPage) {
    const bool wanted = at == last || at == s.pages.indexed || at % spacing.every == 0 ||
                        std::ranges::find(s.branches, at) != s.branches.end();
    if (wanted && at - before >= spacing.least) cuts.push_back(before = at);
  }
  // The deepest save most.
  const auto room = static_cast<size_t>(pool.states().free_for_snapshots());
  for (size_t i = cuts.size() - std::min(room, cuts.size()); i < cuts.size(); ++i)
    pool.Cut(&s.pages, cuts[i], false);
}

int64_t SharedTokens(const Sequence& a, const Sequence& b) {
  if (a.salt != b.salt) return 0;
  const auto [in_a, in_b] =
      std::mismatch(a.tokens.begin(), a.tokens.end() - 1, b.tokens.begin(), b.tokens.end());
  return WholePages(in_a - a.tokens.begin());
}

}  // namespace sluice::engine
