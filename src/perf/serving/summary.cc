#include "perf/serving/summary.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace sluice::perf {
namespace {

// The value that a share of the values does not exceed (nearest rank); 0 of none.
double AtShare(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(values.size())));
  const auto at = values.begin() + static_cast<ptrdiff_t>(std::max<size_t>(rank, 1) - 1);
  std::ranges::nth_element(values, at);
  return *at;
}

Percentiles PercentilesOf(std::vector<double> values) {
  return {AtShare(values, 0.5), AtShare(values, 0.95)};
}

nlohmann::ordered_json PercentilesJson(const Percentiles& p) { return {{"p50", p.p50}, {"p95", p.p95}}; }

}  // namespace

ServingSummary SummariseServing(std::span<const Outcome> outcomes, const ServiceLevel& level) {
  ServingSummary summary{.requests = static_cast<int64_t>(outcomes.size())};
  std::vector<double> first, next;
  int64_t answers = 0, prompts = 0, good = 0;
  for (const Outcome& outcome : outcomes) {
    if (!outcome.error.empty()) {
      if (summary.failed++ == 0) summary.error = outcome.error;
      continue;
    }
    first.push_back(outcome.TimeToFirstToken());
    if (outcome.answer_tokens > 1) next.push_back(outcome.TimePerToken());
    answers += outcome.answer_tokens;
    prompts += outcome.prompt_tokens;
    summary.seconds = std::max(summary.seconds, outcome.last);
    if (outcome.TimeToFirstToken() <= level.first_token && outcome.TimePerToken() <= level.next_token) ++good;
  }
  summary.first_token = PercentilesOf(std::move(first));
  summary.next_token = PercentilesOf(std::move(next));
  if (summary.requests > 0)
    summary.good_share = static_cast<double>(good) / static_cast<double>(summary.requests);
  if (summary.seconds > 0) {
    summary.answer_rate = static_cast<double>(answers) / summary.seconds;
    summary.total_rate = static_cast<double>(answers + prompts) / summary.seconds;
    summary.good_rate = static_cast<double>(good) / summary.seconds;
  }
  return summary;
}

nlohmann::ordered_json ServingJson(const ServingSummary& summary) {
  return {{"requests", summary.requests},
          {"failed", summary.failed},
          {"seconds", summary.seconds},
          {"answer_tokens_per_second", summary.answer_rate},
          {"total_tokens_per_second", summary.total_rate},
          {"good_requests_per_second", summary.good_rate},
          {"good_share", summary.good_share},
          {"time_to_first_token_seconds", PercentilesJson(summary.first_token)},
          {"time_per_token_seconds", PercentilesJson(summary.next_token)}};
}

}  // namespace sluice::perf
