#include "perf/serving/summary.h"

#include <gtest/gtest.h>

namespace sluice::perf {
namespace {

TEST(Serving, SummarisesWhatWasAnswered) {
  const Outcome quick{.arrival = 0, .first = 0.5, .last = 1.5, .prompt_tokens = 100, .answer_tokens = 11};
  const Outcome slow{.arrival = 1, .first = 4, .last = 5, .prompt_tokens = 10, .answer_tokens = 2};
  const Outcome lost{.arrival = 2, .error = "status 503"};
  const Outcome outcomes[] = {quick, slow, lost};
  const ServingSummary summary = SummariseServing(outcomes, {.first_token = 2, .next_token = 0.2});
  EXPECT_EQ(summary.requests, 3);
  EXPECT_EQ(summary.failed, 1);
  EXPECT_EQ(summary.error, "status 503");
  EXPECT_DOUBLE_EQ(summary.seconds, 5);
  EXPECT_DOUBLE_EQ(summary.answer_rate, 13 / 5.0);
  EXPECT_DOUBLE_EQ(summary.total_rate, 123 / 5.0);
  EXPECT_DOUBLE_EQ(summary.good_rate, 1 / 5.0);
  EXPECT_DOUBLE_EQ(summary.good_share, 1 / 3.0);
  EXPECT_DOUBLE_EQ(summary.first_token.p50, 0.5);
  EXPECT_DOUBLE_EQ(summary.first_token.p95, 3);
  EXPECT_DOUBLE_EQ(summary.next_token.p50, 0.1);
  EXPECT_DOUBLE_EQ(summary.next_token.p95, 1);
}

TEST(Serving, SummarisesNothing) {
  const ServingSummary summary = SummariseServing({}, {});
  EXPECT_EQ(summary.requests, 0);
  EXPECT_EQ(summary.answer_rate, 0);
  EXPECT_EQ(summary.good_share, 0);
}

}  // namespace
}  // namespace sluice::perf
