#include "perf/load_time.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <nlohmann/json.hpp>

namespace sluice::perf {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

double ProcessorSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}

template <typename Value>
machine::Rate Summary(const std::vector<LoadRound>& rounds, Value value) {
  std::vector<double> values;
  for (const LoadRound& round : rounds) values.push_back(value(round));
  return machine::Summarise(std::move(values));
}

}  // namespace

machine::Rate LoadTimes::Seconds() const {
  return Summary(rounds, [](const LoadRound& r) { return r.seconds; });
}

machine::Rate LoadTimes::ProcessorSeconds() const {
  return Summary(rounds, [](const LoadRound& r) { return r.processor_seconds; });
}

machine::Rate LoadTimes::BytesPerCore() const {
  return Summary(rounds,
                 [&](const LoadRound& r) { return static_cast<double>(file_bytes) / r.seconds / threads; });
}

Result<LoadTimes> MeasureLoading(const LoadFn& load, int64_t file_bytes, int threads, int64_t rounds) {
  LoadTimes times{.file_bytes = file_bytes, .threads = threads};
  for (int64_t round = -1; round < rounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    const double processor = ProcessorSeconds();
    SLUICE_TRY(const std::unique_ptr<model::Model> model, load());
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    if (round >= 0) times.rounds.push_back({seconds.count(), ProcessorSeconds() - processor});
  }
  return times;
}

std::string LoadText(const LoadTimes& times, const Origin& origin) {
  const machine::Rate seconds = times.Seconds(), rate = times.BytesPerCore();
  return fmt::format(
      "{}, {}\n{} threads load {:.3f} GB in {:.3f} s ({:.3f} to {:.3f}), {:.3f} s of processor time: "
      "{:.2f} GB/s for each core ({:.2f} to {:.2f})\n",
      origin.model, origin.cpu, times.threads, static_cast<double>(times.file_bytes) / 1e9, seconds.median,
      seconds.lowest, seconds.highest, times.ProcessorSeconds().median, rate.median / 1e9, rate.lowest / 1e9,
      rate.highest / 1e9);
}

nlohmann::ordered_json LoadJson(const LoadTimes& times, const Origin& origin) {
  return {{"version", origin.version},
          {"cpu", origin.cpu},
          {"model", origin.model},
          {"threads", times.threads},
          {"file_bytes", times.file_bytes},
          {"seconds", machine::RateJson(times.Seconds())},
          {"processor_seconds", machine::RateJson(times.ProcessorSeconds())},
          {"bytes_per_second_and_core", machine::RateJson(times.BytesPerCore())}};
}

}  // namespace sluice::perf
