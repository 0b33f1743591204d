#include "server/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sluice::server {
namespace {

constexpr double kFirstTokenBounds[] = {.001, .005, .01, .02, .04, .06, .08, .1, .25, .5,
                                        .75,  1,    2.5, 5,   7.5, 10,  20,  40, 80};
constexpr double kBetweenBounds[] = {.001, .0025, .005, .01, .025, .05, .075, .1,
                                     .15,  .2,    .3,   .4,  .5,   .75, 1,    2.5};
constexpr double kWholeBounds[] = {.1, .3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 60, 120, 240, 480};
// Of OpenTelemetry's semantic conventions for generative AI.
constexpr double kDurationBounds[] = {.01,  .02,  .04,  .08,   .16,   .32,   .64,
                                      1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92};
constexpr double kTimeToFirstBounds[] = {.001, .005, .01, .02, .04, .06, .08, .1,
                                         .25,  .5,   .75, 1,   2.5, 5,   7.5, 10};
constexpr double kPerTokenBounds[] = {.01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5};

constexpr int kTopExperts = 4;  // named on the page, per layer

void Header(std::string_view name, std::string_view type, std::string_view help, std::string& out) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

template <typename Value>
void Single(std::string_view name, std::string_view type, std::string_view help, Value value,
            std::string& out) {
  Header(name, type, help, out);
  out += fmt::format("{} {}\n", name, value);
}

double Seconds(Metrics::Clock::duration time) { return std::chrono::duration<double>(time).count(); }

void WriteExperts(const std::vector<std::vector<int64_t>>& layers, std::string& out) {
  std::string imbalance, entropy, dead, top;
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    const ExpertLoad load = MeasureLoad(layers[layer], kTopExperts);
    imbalance +=
        fmt::format("sluice_expert_load_imbalance_ratio{{layer=\"{}\"}} {}\n", layer, load.imbalance);
    entropy += fmt::format("sluice_expert_load_entropy_ratio{{layer=\"{}\"}} {}\n", layer, load.entropy);
    dead += fmt::format("sluice_experts_dead{{layer=\"{}\"}} {}\n", layer, load.dead);
    for (size_t rank = 0; rank < load.top.size(); ++rank)
      top += fmt::format("sluice_expert_load_share_ratio{{layer=\"{}\",rank=\"{}\",expert=\"{}\"}} {}\n",
                         layer, rank + 1, load.top[rank].first, load.top[rank].second);
  }
  if (layers.empty()) return;
  Header("sluice_expert_load_imbalance_ratio", "gauge",
         "Tokens of the most loaded expert over the mean, per MoE layer since the start.", out);
  out += imbalance;
  Header("sluice_expert_load_entropy_ratio", "gauge",
         "Entropy of the experts' shares over that of an even spread, per MoE layer.", out);
  out += entropy;
  Header("sluice_experts_dead", "gauge", "Experts that have computed no token, per MoE layer.", out);
  out += dead;
  Header("sluice_expert_load_share_ratio", "gauge", "Share of a layer's tokens, for its most loaded experts.",
         out);
  out += top;
}

constexpr char kBandwidthHelp[] =
    "Bytes a second that the threads of the server together read from memory: measured once at the start, as "
    "sluice doctor does, or set.";
constexpr char kShareHelp[] =
    "What steps without prompt tokens read in a second over sluice_machine_read_bandwidth_bytes_per_second; "
    "since the start. Above 1 where the caches hold much of the model.";

void WriteReads(const BackendLoad& load, double bandwidth, std::string& out) {
  std::string bytes, seconds, tokens;
  for (const auto& [phase, steps] : {std::pair{"prefill", load.prefill}, {"decode", load.decode}}) {
    const auto line = [&](std::string_view what, int64_t count) {
      return fmt::format("sluice_read_bytes_total{{phase=\"{}\",what=\"{}\"}} {}\n", phase, what, count);
    };
    bytes += line("weights", steps.weight_bytes) + line("kv", steps.kv_bytes);
    seconds += fmt::format("sluice_step_seconds_total{{phase=\"{}\"}} {}\n", phase, steps.seconds);
    tokens += fmt::format("sluice_step_tokens_total{{phase=\"{}\"}} {}\n", phase, steps.tokens);
  }
  Header(
      "sluice_read_bytes_total", "counter",
      "Bytes that steps had to read: dense weights and those of experts that had a token, once a step; keys, "
      "values and states once for each request. prefill: steps with prompt tokens.",
      out);
  out += bytes;
  Header("sluice_step_seconds_total", "counter", "Time that steps took.", out);
  out += seconds;
  Header("sluice_step_tokens_total", "counter", "Tokens that steps computed.", out);
  out += tokens;
  const double decoded = static_cast<double>(load.decode.weight_bytes + load.decode.kv_bytes);
  Single("sluice_decode_read_bytes_per_token", "gauge",
         "Bytes that steps without prompt tokens read for each of their tokens; since the start.",
         load.decode.tokens == 0 ? 0 : decoded / static_cast<double>(load.decode.tokens), out);
  if (bandwidth <= 0) return;
  Single("sluice_machine_read_bandwidth_bytes_per_second", "gauge", kBandwidthHelp, bandwidth, out);
  Single("sluice_decode_read_bandwidth_ratio", "gauge", kShareHelp,
         load.decode.seconds > 0 ? decoded / load.decode.seconds / bandwidth : 0, out);
}

void WriteBackend(const Backend& backend, double bandwidth, std::string& out) {
  const BackendLoad load = backend.load();
  Single("sluice_num_requests_running", "gauge", "Requests that the engine computes.", load.running, out);
  Single("sluice_num_requests_waiting", "gauge", "Requests that wait for room.", load.waiting, out);
  Single("sluice_prompt_tokens_total", "counter", "Prompt tokens computed.", load.prompt_tokens, out);
  Single("sluice_generation_tokens_total", "counter", "Tokens answered.", load.generated_tokens, out);
  Single("sluice_steps_total", "counter", "Steps of the engine.", load.steps, out);
  Single("sluice_experts_touched_total", "counter",
         "Experts that had a token, summed over MoE layers and steps: weights read.", load.experts_touched,
         out);
  Single("sluice_num_preemptions_total", "counter", "Requests put back to be computed again.",
         load.preemptions, out);
  Single("sluice_prefix_cache_queries_total", "counter", "Tokens looked for in the prefix cache.",
         load.prefix_queries, out);
  Single("sluice_prefix_cache_hits_total", "counter", "Tokens found there, and not computed again.",
         load.prefix_hits, out);
  Single("sluice_kv_cache_usage_perc", "gauge", "Share of the KV cache that running requests use, 1: all.",
         load.kv_blocks == 0 ? 0.0
                             : static_cast<double>(load.kv_blocks_used) / static_cast<double>(load.kv_blocks),
         out);
  Single("sluice_kv_cache_blocks", "gauge", "Blocks of 32 tokens that the KV cache has.", load.kv_blocks,
         out);
  Single("sluice_kv_cache_idle_blocks", "gauge", "Blocks that are kept only for those who begin alike.",
         load.kv_blocks_idle, out);
  Single("sluice_state_snapshots", "gauge", "States of linear attention kept for those who begin alike.",
         load.state_snapshots, out);
  Single("sluice_state_snapshot_bytes", "gauge", "Bytes of these.", load.state_snapshot_bytes, out);
  WriteReads(load, bandwidth, out);
  WriteExperts(load.expert_tokens, out);
}

}  // namespace

void Histogram::Add(double value) {
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  ++counts_[static_cast<size_t>(bucket - bounds_.begin())];
  sum_ += value;
}

void Histogram::Write(std::string_view name, std::string_view help, std::string& out) const {
  Header(name, "histogram", help, out);
  int64_t total = 0;
  for (size_t i = 0; i < bounds_.size(); ++i)
    out += fmt::format("{}_bucket{{le=\"{}\"}} {}\n", name, bounds_[i], total += counts_[i]);
  total += counts_.back();
  out += fmt::format("{0}_bucket{{le=\"+Inf\"}} {1}\n{0}_sum {2}\n{0}_count {1}\n", name, total, sum_);
}

Metrics::Metrics()
    : first_token_(kFirstTokenBounds),
      between_tokens_(kBetweenBounds),
      whole_(kWholeBounds),
      duration_(kDurationBounds),
      time_to_first_(kTimeToFirstBounds),
      per_token_(kPerTokenBounds) {
  for (const char* reason : {"stop", "length", "tool_calls", "abort", "error"}) finished_[reason] = 0;
}

void Metrics::Ended(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  ++finished_[reason];
}

void Metrics::Timer::On(const engine::Event& event, Clock::time_point at) {
  const std::lock_guard lock(metrics_->mutex_);
  if (event.token && tokens_++ == 0) {
    first_ = at;
    metrics_->first_token_.Add(Seconds(at - begin_));
    metrics_->time_to_first_.Add(Seconds(at - begin_));
  } else if (event.token) {
    metrics_->between_tokens_.Add(Seconds(at - last_));
  }
  last_ = at;
  if (!event.finish) return;
  metrics_->whole_.Add(Seconds(at - begin_));
  metrics_->duration_.Add(Seconds(at - begin_));
  if (tokens_ > 1) metrics_->per_token_.Add(Seconds(at - first_) / static_cast<double>(tokens_ - 1));
}

std::string Metrics::Page(const Backend* backend, double bandwidth) const {
  std::string out;
  if (backend != nullptr) WriteBackend(*backend, bandwidth, out);
  const std::lock_guard lock(mutex_);
  Header("sluice_request_success_total", "counter", "Requests that ended, by reason.", out);
  for (const auto& [reason, count] : finished_)
    out += fmt::format("sluice_request_success_total{{finished_reason=\"{}\"}} {}\n", reason, count);
  first_token_.Write("sluice_time_to_first_token_seconds", "From a request to its first token.", out);
  between_tokens_.Write("sluice_inter_token_latency_seconds", "From one token of a request to the next.",
                        out);
  whole_.Write("sluice_e2e_request_latency_seconds", "From a request to its end.", out);
  duration_.Write("gen_ai_server_request_duration_seconds", "From a request to its end.", out);
  time_to_first_.Write("gen_ai_server_time_to_first_token_seconds", "From a request to its first token.",
                       out);
  per_token_.Write("gen_ai_server_time_per_output_token_seconds", "Mean time per token behind the first.",
                   out);
  return out;
}

ExpertLoad MeasureLoad(std::span<const int64_t> tokens, int top) {
  ExpertLoad load;
  const int64_t total = std::accumulate(tokens.begin(), tokens.end(), int64_t{0});
  load.dead = static_cast<int>(std::count(tokens.begin(), tokens.end(), 0));
  if (total == 0) return load;
  std::vector<int> order(tokens.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return tokens[a] > tokens[b]; });
  const auto share = [&](int expert) {
    return static_cast<double>(tokens[expert]) / static_cast<double>(total);
  };
  load.imbalance = share(order[0]) * static_cast<double>(tokens.size());
  for (const int expert : order)
    if (tokens[expert] > 0) load.entropy -= share(expert) * std::log(share(expert));
  load.entropy = tokens.size() > 1 ? load.entropy / std::log(static_cast<double>(tokens.size())) : 1;
  for (int i = 0; i < top && i < static_cast<int>(order.size()) && tokens[order[i]] > 0; ++i)
    load.top.emplace_back(order[i], share(order[i]));
  return load;
}

}  // namespace sluice::server
