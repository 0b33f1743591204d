// The third stage: text -> pieces, which the model then encodes one by one.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "tokenizer/pattern.h"

namespace sluice::tokenizer {

// What happens to the matches of a splitting pattern.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

struct ByteLevelPreTokenizer {
  bool add_prefix_space;
  std::optional<Regex> expression;  // GPT-2's, if used
};
struct MetaspacePreTokenizer {
  enum class Prepend { kFirst, kNever, kAlways };
  std::string replacement;
  Prepend prepend;
  bool split;
};
struct SplitPreTokenizer {
  Pattern pattern;
  SplitBehavior behavior;
  bool invert;
};
// Each character of the class is a match.
struct CharSplitPreTokenizer {
  enum class Class { kPunctuation, kNumeric, kWhiteSpace, kGiven };
  Class chars;
  char32_t given;  // kGiven
  SplitBehavior behavior;
};
struct UnicodeScriptsPreTokenizer {};

using PreTokenizer = std::variant<ByteLevelPreTokenizer, MetaspacePreTokenizer, SplitPreTokenizer,
                                  CharSplitPreTokenizer, UnicodeScriptsPreTokenizer>;

// A text and the parts of it that are still in play. Never empty ones.
struct Pieces {
  struct Span {
    uint32_t begin, end;
  };
  std::string text;
  std::vector<Span> spans;
  bool at_start;  // the text starts where the whole input starts
};

Status RunPreTokenizers(const std::vector<PreTokenizer>& pre_tokenizers, RegexScratch& scratch,
                        Pieces& pieces);

}  // namespace sluice::tokenizer
