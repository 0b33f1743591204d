// A small backtracking matcher for the splitting expressions of tokenizer files.
//
// A library would know another Unicode version than the reference tokenizers (letters missing), take \s and
// [a&&b] otherwise, and its match limits do not count the scanning inside one simple repeat. Here every step
// counts, so that no text and no expression takes more than a bounded time, the same on every machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tokenizer/regex_ast.h"

namespace sluice::tokenizer {

// What the matching of one text may use. Not for two threads at once.
struct RegexScratch {
  explicit RegexScratch(size_t text_bytes) : steps_left(4'000'000 + 256 * static_cast<int64_t>(text_bytes)) {}

  struct Choice {
    uint32_t kind, instruction;
    size_t first, second;
  };
  int64_t steps_left;
  std::vector<Choice> choices;
  std::vector<size_t> marks;
};

// Immutable; may be used from many threads, each with its own scratch.
class Regex {
 public:
  struct Match {
    size_t begin, end;
  };

  static Result<Regex> Compile(std::string_view pattern, RegexDialect dialect);

  // Every match from left to right, without overlap. An empty match right after another match does not count.
  // `text` must be valid UTF-8. Fails (kTryLater) where the scratch's steps do not suffice.
  Status FindAll(std::string_view text, RegexScratch& scratch, std::vector<Match>& matches) const;

 private:
  enum class Op : uint8_t {
    kByte,
    kSet,
    kRepeatSet,
    kSplit,
    kJump,
    kMark,
    kJumpIfMoved,
    kAssert,
    kLook,
    kAtomic,
    kMatch
  };
  struct Instruction {
    Op op;
    RegexNode::Greed greed = RegexNode::kGreedy;
    RegexNode::Assertion assertion = RegexNode::kTextStart;
    bool negative = false;
    int minimum = 0, maximum = 0;  // kRepeatSet; kLook: characters to step back
    uint32_t set = 0;              // into sets_; kByte: the byte; kMark, kJumpIfMoved: the mark
    uint32_t next = 0, other = 0;  // kSplit: tried first, then second; kLook, kAtomic: where it goes on
  };
  friend class RegexCompiler;
  friend class RegexMatcher;

  std::vector<Instruction> code_;
  std::vector<CharBitmap> sets_;
  size_t mark_count_ = 0;
  std::optional<CharBitmap> first_;  // a match starts with one of these; nullopt: it may be empty
  bool skip_run_ =
      false;  // the expression is "S+ rest": what fails at a run's start fails everywhere in the run
};

}  // namespace sluice::tokenizer
