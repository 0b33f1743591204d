// What an answer may look like: rules over bytes and tokens, as every notation is turned into them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tokenizer/char_set.h"

namespace sluice::constrain {

using ExpressionId = uint32_t;
using RuleId = uint32_t;

constexpr uint32_t kUnbounded = UINT32_MAX;
constexpr uint32_t kMostRepeats = INT32_MAX;

// Everything about a grammar that takes memory or time is bounded by these.
struct Limits {
  size_t expressions = 500'000;  // with the bytes of their texts
  size_t states = 400'000;       // of the automaton, while it is built too
  size_t edges = 4'000'000;
  size_t work = 32'000'000;   // states looked at on the way to it; some 40 ns and 8 bytes each
  uint32_t depth = 2'000;     // nesting of expressions
  size_t stacks = 4'096;      // ways to read what was written so far
  size_t bytes = 96 << 20;    // what is remembered of one grammar's masks
  uint32_t nesting = 10'000;  // depth of a stack
};

struct Expression {
  enum Kind : uint8_t {
    kEmpty,
    kNothing,       // matches no text
    kBytes,         // text
    kChars,         // one character of sets[index]
    kSequence,      // children
    kAlternatives,  // children
    kRepeat,        // the one child, minimum to maximum times
    kRule,          // index
    kToken,         // the token with the id `index`, which need not be text
    kMembers,       // the children from the second on, separated by the first; see `required`
    kUntil,         // any characters up to and with the first occurrence of text
  };
  Kind kind = kEmpty;
  uint32_t index = 0;
  uint32_t minimum = 0, maximum = 0;
  std::string text = {};
  std::vector<ExpressionId> children = {};
  // kMembers: which of the items may not be left out. `minimum` (0 or 1) stand there anyhow. With `index` 1
  // the last item may stand any number of times.
  std::vector<bool> required = {};
};

// Expressions may be used several times; what uses them counts each use.
class Grammar {
 public:
  explicit Grammar(const Limits& limits = {}) : limits_(limits) {}

  ExpressionId Empty() { return Add({}); }
  ExpressionId Nothing() { return Add({.kind = Expression::kNothing}); }
  ExpressionId Bytes(std::string_view text);
  ExpressionId Chars(tokenizer::CharSet set);
  ExpressionId Sequence(std::vector<ExpressionId> children);
  ExpressionId Alternatives(std::vector<ExpressionId> children);
  ExpressionId Repeat(ExpressionId child, uint32_t minimum, uint32_t maximum = kUnbounded);
  ExpressionId Optional(ExpressionId child) { return Repeat(child, 0, 1); }
  ExpressionId Token(int32_t id) { return Add({.kind = Expression::kToken, .index = uint32_t(id)}); }
  ExpressionId Until(std::string_view mark);
  // Items in their order, separated; those that are not required may be missing, but `least` (0 or 1) stand
  // there. `open`: the last one may stand any number of times.
  ExpressionId Members(ExpressionId separator, std::vector<ExpressionId> items, std::vector<bool> required,
                       bool open, uint32_t least);

  // `apart`: keeps its own states however small it is, because what is known of them is used in many places.
  RuleId AddRule(std::string name, bool apart = false);
  void Define(RuleId rule, ExpressionId body) { rules_[rule].body = body, rules_[rule].defined = true; }
  ExpressionId Rule(RuleId rule) { return Add({.kind = Expression::kRule, .index = rule}); }
  void SetRoot(RuleId rule) { root_ = rule; }

  struct RuleEntry {
    std::string name;
    ExpressionId body = 0;
    bool defined = false, apart = false;
  };
  const Expression& at(ExpressionId id) const { return expressions_[id]; }
  const tokenizer::CharSet& set(uint32_t index) const { return sets_[index]; }
  const std::vector<RuleEntry>& rules() const { return rules_; }
  const std::vector<Expression>& expressions() const { return expressions_; }
  RuleId root() const { return root_; }
  const Limits& limits() const { return limits_; }
  // A limit was passed while it was put together: it is not what was asked for.
  bool too_large() const { return size_ > limits_.expressions; }

 private:
  ExpressionId Add(Expression expression);

  Limits limits_;
  size_t size_ = 0;
  std::vector<Expression> expressions_;
  std::vector<tokenizer::CharSet> sets_;
  std::vector<RuleEntry> rules_;
  RuleId root_ = 0;
};

}  // namespace sluice::constrain
