#include "constrain/json_numbers.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace sluice::constrain {

using tokenizer::CharSet;

namespace {

constexpr size_t kMostDigits = 40;  // of what has no bound

std::string Increment(std::string digits) {
  for (size_t i = digits.size(); i-- > 0;) {
    if (digits[i]++ != '9') return digits;
    digits[i] = '0';
  }
  return "1" + digits;
}
// Of more than 0.
std::string Decrement(std::string digits) {
  for (size_t i = digits.size(); i-- > 0;) {
    if (digits[i]-- != '0') break;
    digits[i] = '9';
  }
  if (digits.size() > 1 && digits[0] == '0') digits.erase(0, 1);
  return digits;
}

int CompareWhole(const std::string& a, const std::string& b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

int CompareMagnitudes(const Decimal& a, const Decimal& b) {
  const int whole = CompareWhole(a.whole, b.whole);
  return whole != 0 ? whole : a.fraction.compare(b.fraction);
}

// Numbers of no sign, between bounds of no sign.
class Magnitudes {
 public:
  Magnitudes(Grammar& grammar, bool integer) : grammar_(grammar), integer_(integer) {}

  ExpressionId Between(const Bound& least, const std::optional<Bound>& most) {
    if (most) {
      const int order = CompareMagnitudes(least.value, most->value);
      if (order > 0 || (order == 0 && (least.exclusive || most->exclusive))) return grammar_.Nothing();
    }
    if (integer_) return Integers(least, most);
    const std::string& low = least.value.whole;
    std::vector<ExpressionId> alternatives;
    if (most && most->value.whole == low) {
      return grammar_.Sequence({grammar_.Bytes(low), Fraction(&least, &*most, 0)});
    }
    alternatives.push_back(grammar_.Sequence({grammar_.Bytes(low), Fraction(&least, nullptr, 0)}));
    const auto free = Fraction(nullptr, nullptr, 0);
    const std::optional<std::string> below =
        most ? std::optional(Decrement(most->value.whole)) : std::nullopt;
    alternatives.push_back(grammar_.Sequence({Wholes(Increment(low), below), free}));
    if (most)
      alternatives.push_back(
          grammar_.Sequence({grammar_.Bytes(most->value.whole), Fraction(nullptr, &*most, 0)}));
    return grammar_.Alternatives(std::move(alternatives));
  }

 private:
  Grammar& grammar_;
  const bool integer_;

  ExpressionId Digit(char first, char last) {
    if (first > last) return grammar_.Nothing();
    return grammar_.Chars(CharSet{{static_cast<char32_t>(first), static_cast<char32_t>(last)}});
  }
  ExpressionId Digits(uint32_t minimum, uint32_t maximum = kMostDigits) {
    return grammar_.Repeat(Digit('0', '9'), minimum, maximum);
  }

  ExpressionId Integers(const Bound& least, const std::optional<Bound>& most) {
    std::string low = least.value.whole;
    if (least.exclusive || !least.value.fraction.empty()) low = Increment(low);
    std::optional<std::string> high;
    if (most) {
      high = most->value.whole;
      if (most->exclusive && most->value.fraction.empty()) {
        if (*high == "0") return grammar_.Nothing();
        high = Decrement(*high);
      }
    }
    return Wholes(low, high);
  }

  ExpressionId Wholes(const std::string& low, const std::optional<std::string>& high) {
    std::vector<ExpressionId> alternatives;
    const size_t longest = high ? high->size() : low.size();
    for (size_t length = low.size(); length <= longest; ++length) {
      const std::string first = length == low.size() ? low : "1" + std::string(length - 1, '0');
      const std::string last = high && length == high->size() ? *high : std::string(length, '9');
      if (first <= last) alternatives.push_back(SameLength(first, last, 0, true, true));
    }
    if (!high)
      alternatives.push_back(grammar_.Sequence(
          {Digit('1', '9'),
           Digits(static_cast<uint32_t>(longest), static_cast<uint32_t>(std::max(longest, kMostDigits)))}));
    return grammar_.Alternatives(std::move(alternatives));
  }

  // Digits from `at` on; `above`, `below`: the digits so far are those of `first`, of `last`.
  ExpressionId SameLength(const std::string& first, const std::string& last, size_t at, bool above,
                          bool below) {
    const auto left = static_cast<uint32_t>(first.size() - at);
    if (left == 0) return grammar_.Empty();
    if (!above && !below) return Digits(left, left);
    const char low = above ? first[at] : '0', high = below ? last[at] : '9';
    const auto then = [&](char digit, bool a, bool b) {
      return grammar_.Sequence({Digit(digit, digit), SameLength(first, last, at + 1, a, b)});
    };
    if (low == high) return then(low, above, below);
    std::vector<ExpressionId> alternatives;
    char from = low, to = high;
    if (above) alternatives.push_back(then(from++, true, false));
    if (below) alternatives.push_back(then(to--, false, true));
    if (from <= to) alternatives.push_back(grammar_.Sequence({Digit(from, to), Digits(left - 1, left - 1)}));
    return grammar_.Alternatives(std::move(alternatives));
  }

  // What may stand behind the whole part, or behind the first `at` digits of the fraction. A bound counts as
  // long as the digits so far are its own; null: no longer.
  ExpressionId Fraction(const Bound* least, const Bound* most, size_t at) {
    const auto digit_of = [&](const Bound* b) {
      return at < b->value.fraction.size() ? b->value.fraction[at] : '0';
    };
    const bool low_done = least == nullptr || at >= least->value.fraction.size();
    const bool high_done = most == nullptr || at >= most->value.fraction.size();
    const auto wrap = [&](ExpressionId digits, bool may_stop) {
      if (at > 0) return may_stop ? grammar_.Optional(digits) : digits;
      const auto fraction = grammar_.Sequence({grammar_.Bytes("."), digits});
      return may_stop ? grammar_.Optional(fraction) : fraction;
    };
    if (least == nullptr && most == nullptr) return wrap(Digits(1), true);
    const bool stops_low = least == nullptr || (low_done && !least->exclusive);
    const bool stops_high = most == nullptr || !high_done || !most->exclusive;
    if (low_done && high_done) return wrap(Tail(least, most), stops_low && stops_high);
    const char low = least != nullptr ? digit_of(least) : '0', high = most != nullptr ? digit_of(most) : '9';
    const auto then = [&](char digit, const Bound* a, const Bound* b) {
      return grammar_.Sequence({Digit(digit, digit), Fraction(a, b, at + 1)});
    };
    std::vector<ExpressionId> alternatives;
    if (low == high) {
      alternatives.push_back(then(low, least, most));
    } else {
      char from = low, to = high;
      if (least != nullptr) alternatives.push_back(then(from++, least, nullptr));
      if (most != nullptr) alternatives.push_back(then(to--, nullptr, most));
      if (from <= to) alternatives.push_back(grammar_.Sequence({Digit(from, to), Digits(0)}));
    }
    return wrap(grammar_.Alternatives(std::move(alternatives)), stops_low && stops_high);
  }

  // Digits, at least one, behind all digits of the bounds that still count.
  ExpressionId Tail(const Bound* least, const Bound* most) {
    const auto zeros = grammar_.Repeat(Digit('0', '0'), 0, kMostDigits);
    if (most != nullptr) {  // nothing but zeros keeps to it
      const bool allowed = !most->exclusive && (least == nullptr || !least->exclusive);
      return allowed ? grammar_.Repeat(Digit('0', '0'), 1, kMostDigits) : grammar_.Nothing();
    }
    if (!least->exclusive) return Digits(1);
    return grammar_.Sequence({zeros, Digit('1', '9'), Digits(0)});
  }
};

}  // namespace

Decimal ToDecimal(const nlohmann::ordered_json& number) {
  std::string text = number.dump();
  Decimal out;
  if (text.starts_with('-')) out.negative = true, text.erase(0, 1);
  int exponent = 0;
  if (const size_t e = text.find_first_of("eE"); e != std::string::npos) {
    exponent = std::atoi(text.c_str() + e + 1);
    text.resize(e);
  }
  const size_t point = std::min(text.find('.'), text.size());
  std::string digits = text.substr(0, point);
  if (point < text.size()) digits += text.substr(point + 1);
  const auto size = static_cast<int>(digits.size());
  const int place = std::clamp(static_cast<int>(point) + exponent, -400, 400);  // of the point in the digits
  if (place <= 0) {
    out.fraction = std::string(static_cast<size_t>(-place), '0') + digits;
    out.whole = "0";
  } else {
    if (place > size) digits.append(static_cast<size_t>(place - size), '0');
    out.whole = digits.substr(0, static_cast<size_t>(place));
    out.fraction = digits.substr(static_cast<size_t>(place));
  }
  out.whole.erase(0, std::min(out.whole.find_first_not_of('0'), out.whole.size() - 1));
  const size_t last = out.fraction.find_last_not_of('0');
  out.fraction.resize(last == std::string::npos ? 0 : last + 1);
  if (out.zero()) out.negative = false;
  return out;
}

int Compare(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  return a.negative ? CompareMagnitudes(b, a) : CompareMagnitudes(a, b);
}

ExpressionId NumberBetween(Grammar& grammar, const Bounds& bounds, bool integer) {
  Magnitudes magnitudes(grammar, integer);
  std::vector<ExpressionId> alternatives;
  const Bound zero;
  if (!bounds.most || !bounds.most->value.negative) {
    const bool from_zero = !bounds.least || bounds.least->value.negative;
    alternatives.push_back(magnitudes.Between(from_zero ? zero : *bounds.least, bounds.most));
  }
  if (!bounds.least || bounds.least->value.negative) {
    const bool to_zero = !bounds.most || !bounds.most->value.negative;
    alternatives.push_back(grammar.Sequence(
        {grammar.Bytes("-"), magnitudes.Between(to_zero ? Bound{{}, true} : *bounds.most, bounds.least)}));
  }
  return grammar.Alternatives(std::move(alternatives));
}

ExpressionId MultipleOf(Grammar& grammar, int64_t divisor) {
  std::vector<RuleId> rules;  // by what is left of the digits so far
  for (int64_t left = 0; left < divisor; ++left) rules.push_back(grammar.AddRule("multiple", /*apart=*/true));
  const auto after = [&](int64_t left, int64_t first_digit) {
    std::vector<ExpressionId> alternatives;
    for (int64_t digit = first_digit; digit < 10; ++digit)
      alternatives.push_back(
          grammar.Sequence({grammar.Bytes(std::string(1, static_cast<char>('0' + digit))),
                            grammar.Rule(rules[static_cast<size_t>((left * 10 + digit) % divisor)])}));
    return alternatives;
  };
  for (int64_t left = 0; left < divisor; ++left) {
    auto alternatives = after(left, 0);
    if (left == 0) alternatives.push_back(grammar.Empty());
    grammar.Define(rules[static_cast<size_t>(left)], grammar.Alternatives(std::move(alternatives)));
  }
  const auto positive = grammar.Alternatives(after(0, 1));
  return grammar.Alternatives(
      {grammar.Bytes("0"), grammar.Sequence({grammar.Optional(grammar.Bytes("-")), positive})});
}

}  // namespace sluice::constrain
