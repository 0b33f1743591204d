#include "perf/serving/contest.h"

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>

#include "machine/rate.h"
#include "perf/serving/served_program.h"

namespace sluice::perf {
namespace {

constexpr std::chrono::minutes kLoadPatience{10};

Result<ServingSummary> RunOne(const Contestant& contestant, const std::vector<TimedRequest>& requests,
                              const ServiceLevel& level) {
  SLUICE_TRY(const ServedProgram served, ServedProgram::Start(contestant.program, contestant.arguments,
                                                              contestant.endpoint, kLoadPatience));
  // What a first request alone pays, such as pages of the file that nobody has read, is not the load's.
  SLUICE_CHECK_OK(Replay(contestant.endpoint, {{0, requests.front().prompt, 1}}));
  SLUICE_TRY(const std::vector<Outcome> outcomes, Replay(contestant.endpoint, requests));
  const ServingSummary summary = SummariseServing(outcomes, level);
  if (summary.failed == summary.requests)
    return Fail(ErrorCode::kIo, fmt::format("{} answered no request: {}", contestant.name, summary.error));
  return summary;
}

// One line of the table.
struct Measure {
  const char* name;
  std::function<double(const ServingSummary&)> of;
  double unit;  // what the table shows is so many times the value
};

std::vector<Measure> Measures() {
  using S = ServingSummary;
  constexpr double kMilli = 1e3, kPercent = 100;
  return {{"answer tokens/s", [](const S& s) { return s.answer_rate; }, 1},
          {"all tokens/s", [](const S& s) { return s.total_rate; }, 1},
          {"first token, p50 ms", [](const S& s) { return s.first_token.p50; }, kMilli},
          {"first token, p95 ms", [](const S& s) { return s.first_token.p95; }, kMilli},
          {"per token, p50 ms", [](const S& s) { return s.next_token.p50; }, kMilli},
          {"per token, p95 ms", [](const S& s) { return s.next_token.p95; }, kMilli},
          {"good requests/s", [](const S& s) { return s.good_rate; }, 1},
          {"good requests, %", [](const S& s) { return s.good_share; }, kPercent},
          {"failed requests", [](const S& s) { return static_cast<double>(s.failed); }, 1}};
}

std::string Range(const machine::Rate& rate) {
  return fmt::format("{:.4g} ({:.4g} to {:.4g})", rate.median, rate.lowest, rate.highest);
}

}  // namespace

Result<std::vector<std::vector<ServingSummary>>> RunContest(const std::vector<Contestant>& contestants,
                                                            const std::vector<TimedRequest>& requests,
                                                            int64_t rounds, const ServiceLevel& level) {
  std::vector<std::vector<ServingSummary>> all;
  for (int64_t round = 0; round < rounds; ++round) {
    auto& summaries = all.emplace_back();
    for (const Contestant& contestant : contestants) {
      SLUICE_TRY(ServingSummary summary, RunOne(contestant, requests, level));
      summaries.push_back(std::move(summary));
    }
  }
  return all;
}

std::string ContestText(const std::vector<Contestant>& contestants,
                        const std::vector<std::vector<ServingSummary>>& rounds, const ContestOrigin& origin) {
  std::string text =
      fmt::format("{}, {}\n{}: {} requests in {} rounds; good: begins within {} s, {} s per token\n\n{:<20}",
                  origin.model, origin.cpu, origin.trace, rounds.front().front().requests, rounds.size(),
                  origin.level.first_token, origin.level.next_token, "median (range)");
  for (const Contestant& contestant : contestants) text += fmt::format("  {:<26}", contestant.name);
  text += contestants.size() > 1 ? "  ours over theirs\n" : "\n";
  for (const Measure& measure : Measures()) {
    text += fmt::format("{:<20}", measure.name);
    for (size_t c = 0; c < contestants.size(); ++c) {
      std::vector<double> values, ratios;
      for (const auto& round : rounds) {
        values.push_back(measure.of(round[c]) * measure.unit);
        if (const double other = measure.of(round[c]); c > 0 && other > 0)
          ratios.push_back(measure.of(round[0]) / other);
      }
      text += fmt::format("  {:<26}", Range(machine::Summarise(values)));
      if (!ratios.empty()) text += "  " + Range(machine::Summarise(ratios));
    }
    text += '\n';
  }
  return text;
}

nlohmann::ordered_json ContestJson(const std::vector<Contestant>& contestants,
                                   const std::vector<std::vector<ServingSummary>>& rounds,
                                   const ContestOrigin& origin) {
  nlohmann::ordered_json servers = nlohmann::ordered_json::array();
  for (size_t c = 0; c < contestants.size(); ++c) {
    nlohmann::ordered_json of_rounds = nlohmann::ordered_json::array();
    for (const auto& round : rounds) of_rounds.push_back(ServingJson(round[c]));
    servers.push_back(
        {{"name", contestants[c].name}, {"arguments", contestants[c].arguments}, {"rounds", of_rounds}});
  }
  return {
      {"version", origin.version},
      {"cpu", origin.cpu},
      {"model", origin.model},
      {"trace", origin.trace},
      {"service_level",
       {{"first_token_seconds", origin.level.first_token}, {"next_token_seconds", origin.level.next_token}}},
      {"servers", servers}};
}

}  // namespace sluice::perf
