// What a replay says about a server.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>

#include "perf/serving/replay.h"

namespace sluice::perf {

// What a client will bear: an answer that begins and goes on within these is a good one.
struct ServiceLevel {
  double first_token = 2;   // seconds from arrival
  double next_token = 0.2;  // seconds per token after the first
};

struct Percentiles {
  double p50 = 0, p95 = 0;
};

struct ServingSummary {
  int64_t requests = 0, failed = 0;
  double seconds = 0;       // from the first arrival to the last token
  double answer_rate = 0;   // tokens of answers a second
  double total_rate = 0;    // with those of prompts
  double good_rate = 0;     // requests a second that kept the service level
  double good_share = 0;    // of all requests
  Percentiles first_token;  // seconds
  Percentiles next_token;   // seconds, of each request's mean
  std::string error;        // of the first that failed
};

ServingSummary SummariseServing(std::span<const Outcome> outcomes, const ServiceLevel& level);
nlohmann::ordered_json ServingJson(const ServingSummary& summary);

}  // namespace sluice::perf
