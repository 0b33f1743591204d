// Regular expressions as grammars.
#pragma once

#include <functional>
#include <string_view>

#include "constrain/grammar.h"
#include "tokenizer/regex_ast.h"

namespace sluice::constrain {

// How one character of a set is written.
using WriteChars = std::function<ExpressionId(Grammar&, const tokenizer::CharSet&)>;

// `whole`: the expression describes all of the text, and ^ and $ change nothing at its ends; otherwise it
// may be found anywhere in the text. Refused, for they cannot be decided from left to right: look-around,
// back-references, word boundaries, anchors elsewhere, possessive and atomic groups.
Result<ExpressionId> AddRegex(Grammar& grammar, std::string_view pattern, bool whole,
                              const WriteChars& write);

// All of an answer.
Result<Grammar> RegexGrammar(std::string_view pattern);

}  // namespace sluice::constrain
