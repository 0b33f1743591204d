// Servers in turn, each with the same requests at the same times.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "perf/serving/replay.h"
#include "perf/serving/summary.h"

namespace sluice::perf {

struct Contestant {
  std::string name, program;
  std::vector<std::string> arguments;  // with the port of `endpoint`
  Endpoint endpoint;
};

// [rounds][contestants]: every round starts each server anew, and ends it after its last answer. A server
// whose every request failed is an error.
Result<std::vector<std::vector<ServingSummary>>> RunContest(const std::vector<Contestant>& contestants,
                                                            const std::vector<TimedRequest>& requests,
                                                            int64_t rounds, const ServiceLevel& level);

struct ContestOrigin {
  std::string version, cpu, model, trace;
  ServiceLevel level;
};

// The first contestant is us: ratios are ours over each other's, of each round.
std::string ContestText(const std::vector<Contestant>& contestants,
                        const std::vector<std::vector<ServingSummary>>& rounds, const ContestOrigin& origin);
nlohmann::ordered_json ContestJson(const std::vector<Contestant>& contestants,
                                   const std::vector<std::vector<ServingSummary>>& rounds,
                                   const ContestOrigin& origin);

}  // namespace sluice::perf
