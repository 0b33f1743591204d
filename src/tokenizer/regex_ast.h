// The expressions of tokenizer files, parsed.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tokenizer/char_set.h"

namespace sluice::tokenizer {

// Where the two engines of the reference libraries differ: ^ and $ (line or text ends), "{1,3}+" (repeated or
// possessive). kCommon is for expressions that any engine may check: as kRust, but \d, \w, \s and . match
// only what they match in all of ECMAScript, Python and Rust.
enum class RegexDialect { kOniguruma, kRust, kCommon };

struct RegexNode {
  enum Kind { kEmpty, kSet, kSequence, kAlternatives, kRepeat, kLookAhead, kLookBehind, kAtomic, kAssert };
  enum Assertion {
    kTextStart,
    kTextEnd,
    kTextEndOrLastLine,
    kLineStart,
    kLineEnd,
    kWordBoundary,
    kNoWordBoundary
  };
  enum Greed { kGreedy, kLazy, kPossessive };
  static constexpr int kUnbounded = -1;

  Kind kind = kEmpty;
  CharSet set;                                       // kSet
  std::vector<std::unique_ptr<RegexNode>> children;  // kSequence, kAlternatives: any number; the others: one
  int minimum = 0, maximum = kUnbounded;             // kRepeat
  Greed greed = kGreedy;                             // kRepeat
  bool negative = false;                             // kLookAhead, kLookBehind
  Assertion assertion = kTextStart;                  // kAssert
};
using RegexNodePtr = std::unique_ptr<RegexNode>;

// Refuses (kBadFile) what is wrong, too deep, or beyond the subset: back-references, recursion, conditionals.
Result<RegexNodePtr> ParseRegex(std::string_view pattern, RegexDialect dialect);

}  // namespace sluice::tokenizer
