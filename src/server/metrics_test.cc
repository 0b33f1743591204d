#include "server/metrics.h"

#include "server/server_fixture.h"

namespace sluice::server {
namespace {

TEST(ExpertLoad, SaysHowEvenlyExpertsWork) {
  const std::vector<int64_t> even = {5, 5, 5, 5}, uneven = {0, 12, 4, 0}, none = {0, 0};
  EXPECT_DOUBLE_EQ(MeasureLoad(even, 2).imbalance, 1);
  EXPECT_DOUBLE_EQ(MeasureLoad(even, 2).entropy, 1);
  const ExpertLoad load = MeasureLoad(uneven, 3);
  EXPECT_DOUBLE_EQ(load.imbalance, 3);
  EXPECT_EQ(load.dead, 2);
  EXPECT_NEAR(load.entropy, 0.8112781244591328 / 2, 1e-12);
  EXPECT_EQ(load.top, (std::vector<std::pair<int, double>>{{1, 0.75}, {2, 0.25}}));
  EXPECT_EQ(MeasureLoad(none, 3).dead, 2);
  EXPECT_TRUE(MeasureLoad(none, 3).top.empty());
}

TEST(Histogram, CountsUpToEachBound) {
  static constexpr double kBounds[] = {1, 2.5};
  Histogram histogram(kBounds);
  for (const double value : {0.5, 1.0, 2.0, 9.0}) histogram.Add(value);
  std::string out;
  histogram.Write("h_seconds", "What.", out);
  EXPECT_EQ(out,
            "# HELP h_seconds What.\n# TYPE h_seconds histogram\nh_seconds_bucket{le=\"1\"} 2\n"
            "h_seconds_bucket{le=\"2.5\"} 3\nh_seconds_bucket{le=\"+Inf\"} 4\nh_seconds_sum "
            "12.5\nh_seconds_count 4\n");
}

TEST_F(ServerTest, MetricsCountRequests) {
  Start();
  ASSERT_EQ(Complete(R"("max_tokens":3)").status, 200);
  ASSERT_EQ(Complete("").status, 200);
  const TestResponse page = Get("/metrics");
  EXPECT_NE(page.head.find("text/plain; version=0.0.4"), std::string::npos);
  for (const char* line : {"sluice_request_success_total{finished_reason=\"length\"} 1\n",
                           "sluice_request_success_total{finished_reason=\"stop\"} 1\n",
                           "sluice_time_to_first_token_seconds_count 2\n",
                           "sluice_inter_token_latency_seconds_count 16\n",
                           "gen_ai_server_request_duration_seconds_count 2\n",
                           "sluice_num_requests_running 3\n",
                           "sluice_num_preemptions_total 2\n",
                           "sluice_prefix_cache_queries_total 100\n",
                           "sluice_prefix_cache_hits_total 64\n",
                           "sluice_kv_cache_usage_perc 0.25\n",
                           "sluice_kv_cache_blocks 8\n",
                           "sluice_kv_cache_idle_blocks 5\n",
                           "sluice_state_snapshots 3\n",
                           "sluice_state_snapshot_bytes 3000\n",
                           "sluice_experts_dead{layer=\"1\"} 1\n",
                           "sluice_read_bytes_total{phase=\"prefill\",what=\"weights\"} 9000\n",
                           "sluice_read_bytes_total{phase=\"prefill\",what=\"kv\"} 500\n",
                           "sluice_read_bytes_total{phase=\"decode\",what=\"weights\"} 6000\n",
                           "sluice_read_bytes_total{phase=\"decode\",what=\"kv\"} 400\n",
                           "sluice_step_seconds_total{phase=\"prefill\"} 1.5\n",
                           "sluice_step_seconds_total{phase=\"decode\"} 0.5\n",
                           "sluice_step_tokens_total{phase=\"prefill\"} 70\n",
                           "sluice_step_tokens_total{phase=\"decode\"} 8\n",
                           "sluice_decode_read_bytes_per_token 800\n",
                           "sluice_machine_read_bandwidth_bytes_per_second 51200\n",
                           "sluice_decode_read_bandwidth_ratio 0.25\n",
                           "sluice_expert_load_share_ratio{layer=\"1\",rank=\"1\",expert=\"1\"} 1\n"})
    EXPECT_NE(page.body.find(line), std::string::npos) << line << page.body;
}

TEST(Metrics, SayNoShareOfABandwidthThatIsUnknown) {
  const FakeBackend backend("");
  const std::string page = Metrics().Page(&backend);
  EXPECT_NE(page.find("sluice_decode_read_bytes_per_token 800\n"), std::string::npos) << page;
  EXPECT_EQ(page.find("bandwidth"), std::string::npos) << page;
}

}  // namespace
}  // namespace sluice::server
