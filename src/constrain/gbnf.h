// Grammars as llama.cpp writes them.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "constrain/grammar.h"

namespace sluice::constrain {

// The token that is spelled so.
using FindToken = std::function<std::optional<int32_t>(std::string_view)>;

// name ::= alternatives of literals "x", classes [a-z] [^a-z], '.', other rules, groups, tokens <name> or
// <[id]>; * + ? {m} {m,} {m,n}; comments from #. The answer is the rule `root`.
Result<Grammar> ParseGbnf(std::string_view text, const FindToken& find_token, int32_t vocabulary);

}  // namespace sluice::constrain
