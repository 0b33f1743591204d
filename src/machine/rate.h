// A rate measured a few times over.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace sluice::machine {

struct Rate {
  double median = 0, lowest = 0, highest = 0;  // a second: bytes, operations
};

// Of at least one finite value.
Rate Summarise(std::vector<double> rates);

// Runs `pass` once to warm up and `passes` times on the clock, three times if that takes a second already;
// each does `amount` of work.
Rate MeasureRate(int passes, double amount, const std::function<void()>& pass);

// Its three numbers.
nlohmann::ordered_json RateJson(const Rate& rate);

}  // namespace sluice::machine
