#include "machine/rate.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

namespace sluice::machine {

Rate Summarise(std::vector<double> rates) {
  std::ranges::sort(rates);
  const size_t middle = rates.size() / 2;
  const double median = rates.size() % 2 == 1 ? rates[middle] : (rates[middle - 1] + rates[middle]) / 2;
  return {median, rates.front(), rates.back()};
}

Rate MeasureRate(int passes, double amount, const std::function<void()>& pass) {
  using Clock = std::chrono::steady_clock;
  constexpr int kLeastPasses = 3;
  constexpr std::chrono::seconds kPatience(1);
  pass();
  std::vector<double> rates;
  const Clock::time_point begin = Clock::now();
  for (int i = 0; i < passes && (i < kLeastPasses || Clock::now() - begin < kPatience); ++i) {
    const Clock::time_point start = Clock::now();
    pass();
    rates.push_back(amount / std::chrono::duration<double>(Clock::now() - start).count());
  }
  return Summarise(std::move(rates));
}

nlohmann::ordered_json RateJson(const Rate& rate) {
  return {{"median", rate.median}, {"lowest", rate.lowest}, {"highest", rate.highest}};
}

}  // namespace sluice::machine
