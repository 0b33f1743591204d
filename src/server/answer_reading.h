// How the text of a chat answer is taken apart.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "chat/answer_syntax.h"
#include "tokenizer/tokenizer.h"

namespace sluice::server {

struct AnswerReading {
  chat::AnswerSyntax syntax;
  std::unordered_set<int32_t> mark_tokens;  // special tokens that are marks: they are read, others left out
  nlohmann::ordered_json tools;             // of the request; null: calls are content
  bool in_reasoning = false;                // the prompt ends in the middle of it
  bool may_reason = false;                  // the answer may begin with some
  bool parallel_calls = true;               // false: only the first is given out
  bool include_reasoning = true;            // false: it is thrown away
};

// Nothing if answers of this syntax are content and nothing else.
std::shared_ptr<AnswerReading> MakeAnswerReading(const chat::AnswerSyntax& syntax,
                                                 const tokenizer::Tokenizer& tokenizer);

}  // namespace sluice::server
