// Numbers within bounds, as they are written in JSON without exponents.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "constrain/grammar.h"

namespace sluice::constrain {

// A number in digits: whole without leading zeros but for "0", fraction without zeros at its end.
struct Decimal {
  bool negative = false;
  std::string whole = "0", fraction = {};

  bool zero() const { return whole == "0" && fraction.empty(); }
};

struct Bound {
  Decimal value;
  bool exclusive = false;
};

// Either may be missing.
struct Bounds {
  std::optional<Bound> least, most;
};

// `number` is a JSON number.
Decimal ToDecimal(const nlohmann::ordered_json& number);
// Negative, 0 or positive as a is less than, equal to or above b.
int Compare(const Decimal& a, const Decimal& b);

ExpressionId NumberBetween(Grammar& grammar, const Bounds& bounds, bool integer);
// Integers that `divisor`, from 2 to kMostDivisor, divides.
constexpr int64_t kMostDivisor = 1000;
ExpressionId MultipleOf(Grammar& grammar, int64_t divisor);

}  // namespace sluice::constrain
