// Calls of tools as a model writes them, as grammars.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "chat/answer_syntax.h"
#include "constrain/json_text.h"
#include "tokenizer/tokenizer.h"

namespace sluice::server {

// Text in which special tokens of the vocabulary that are marks of the syntax stand for themselves.
constrain::ExpressionId MarkedText(constrain::Grammar& grammar, const chat::AnswerSyntax& syntax,
                                   const tokenizer::Tokenizer& tokenizer, std::string_view text);

struct ForcedCalls {
  const nlohmann::ordered_json& tools;  // of the request, which may be called
  bool parallel = true;                 // more than one
};

// At least one call, whose arguments follow its tool's schema. Where a schema cannot be kept, a tool that is
// `strict` is refused, and the arguments of another are any object. Fails if this model calls no tools.
Result<constrain::ExpressionId> CallsExpression(constrain::Grammar& grammar, constrain::JsonText& json,
                                                const chat::AnswerSyntax& syntax,
                                                const tokenizer::Tokenizer& tokenizer,
                                                const ForcedCalls& calls);

}  // namespace sluice::server
